// SPDX-License-Identifier: Apache-2.0
//
// What is wrong in a kernel is found: by a difference between orders, as an error text, or by the
// sanitizers that programs with the emulator are built with.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "codegen/emulator/emulate.h"
#include "tests/codegen/emulator_faults.cu"
#include "tests/codegen/emulator_orders.h"

// Of emulator_kernels.cu, which emulator_test.cpp includes.
extern "C" void matmul(const float *, const float *, float *, int m, int n, int k, int left_out);
extern "C" void pipeline(const float *, float *, int n, int left_out);

namespace convwright::emulator {
namespace {

using Floats = std::vector<float>;

// The error of a launch, its lines as `#`: texts do not hang on how the kernels are formatted.
template<typename... Args>
std::string error_of(Args &&...args) {
    std::string text = emulate(std::forward<Args>(args)...).error;
    for (size_t at = 0; (at = text.find(".cu:", at)) != std::string::npos;) {
        at += 4;
        text.replace(at, text.find_first_not_of("0123456789", at) - at, "#");
    }
    return text;
}

Launch launch_of(const char *kernel) { return {kernel, {}, {64}, 256}; }

// Results as bits: NaN, which is what poison turns into, equals itself.
std::vector<uint32_t> bits_of(const Floats &values) {
    std::vector<uint32_t> bits;
    for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
    return bits;
}

std::vector<std::vector<uint32_t>> matmul_in_all_orders(int left_out) {
    Floats a(32 * 32), b(32 * 32);
    for (int i = 0; i < 32 * 32; ++i)
        a[i] = static_cast<float>(i % 7), b[i] = static_cast<float>(i % 5);
    std::vector<std::vector<uint32_t>> results;
    for (const Launch &launch : in_all_orders({"matmul", {2, 2}, {16, 16}})) {
        Floats c(32 * 32);
        EXPECT_EQ(error_of(matmul, launch, a.data(), b.data(), c.data(), 32, 32, 32, left_out), "");
        results.push_back(bits_of(c));
    }
    return results;
}

TEST(EmulatorFaults, MissingBarrierShowsAsADifferenceBetweenOrders) {
    const auto right = matmul_in_all_orders(0);
    for (const auto &result : right) EXPECT_EQ(result, right[0]);
    for (const int left_out : {1, 2}) {
        const auto results = matmul_in_all_orders(left_out);
        EXPECT_NE(results[0], results[1]);
        EXPECT_NE(results[1], results[2]);
        EXPECT_NE(results[0], right[0]);
        EXPECT_NE(results[1], right[0]);
    }
}

std::vector<Floats> pipeline_in_all_orders(int left_out) {
    const Floats x(4 * 256, 1);
    std::vector<Floats> results;
    for (const Launch &launch : in_all_orders({"pipeline", {}, {64}, 2048})) {
        results.emplace_back(64);
        const Outcome outcome =
            emulate(pipeline, launch, x.data(), results.back().data(), 4 * 256, left_out);
        EXPECT_EQ(outcome.error, "");
    }
    return results;
}

TEST(EmulatorFaults, MissingWaitReadsPoison) {
    for (const Floats &sums : pipeline_in_all_orders(1)) {
        for (const float sum : sums) EXPECT_TRUE(std::isnan(sum));
    }
}

TEST(EmulatorFaults, MissingBarrierInAPipelineShowsAsADifference) {
    for (const int left_out : {2, 3}) {
        const auto results = pipeline_in_all_orders(left_out);
        EXPECT_NE(bits_of(results[0]), bits_of(results[1]));
    }
}

TEST(EmulatorFaults, UnwrittenSharedMemoryIsPoisonForEachBlock) {
    Floats out(64);
    ASSERT_EQ(error_of(unwritten_shared, Launch{"unwritten_shared", {3}, {64}}, out.data()), "");
    for (int t = 0; t < 64; ++t) EXPECT_EQ(std::isnan(out[t]), t != 3);
}

TEST(EmulatorFaults, BarrierThatNotAllThreadsReachIsAnError) {
    for (Launch launch : in_all_orders(launch_of("divergent_barrier"))) {
        Floats out(64);
        EXPECT_EQ(
            error_of(divergent_barrier, launch, out.data()),
            "kernel divergent_barrier, block (0,0,0): thread (0,0,0) waits in __syncthreads() "
            "of emulator_faults.cu:#, but thread (40,0,0) has ended.");
        launch.kernel = "two_barriers";
        EXPECT_EQ(error_of(two_barriers, launch, out.data()),
                  "kernel two_barriers, block (0,0,0): thread (0,0,0) waits in __syncthreads() of "
                  "emulator_faults.cu:#, but thread (32,0,0) waits in __syncthreads() of "
                  "emulator_faults.cu:#.");
    }
}

TEST(EmulatorFaults, CollectiveWithMissingLanesIsAnError) {
    for (Launch launch : in_all_orders(launch_of("missing_lane"))) {
        Floats out(64), in(64);
        EXPECT_EQ(
            error_of(missing_lane, launch, out.data(), in.data()),
            "kernel missing_lane, block (0,0,0): thread (0,0,0) waits in __shfl_xor_sync() of "
            "emulator_faults.cu:# for lane 7, but thread (7,0,0) has ended.");
        launch.kernel = "lane_at_barrier";
        EXPECT_EQ(error_of(lane_at_barrier, launch, out.data()),
                  "kernel lane_at_barrier, block (0,0,0): thread (32,0,0) waits in __syncwarp() of "
                  "emulator_faults.cu:# for lane 3, but thread (35,0,0) waits in __syncthreads() "
                  "of emulator_faults.cu:#.");
        launch.block = {40};
        launch.kernel = "half_warp";
        EXPECT_NE(
            error_of(lane_at_barrier, launch, out.data())
                .find("__syncwarp() of emulator_faults.cu:# waits for lane 31, but the warp has 8"),
            std::string::npos);
    }
}

TEST(EmulatorFaults, WrongMaskIsAnError) {
    Floats out(64), in(64);
    EXPECT_EQ(
        error_of(lane_outside_mask, launch_of("k"), out.data(), in.data()),
        "kernel k, block (0,0,0), thread (0,0,0): __shfl_sync() of emulator_faults.cu:# reads "
        "lane 20, which is not in the mask.");
    EXPECT_EQ(
        error_of(own_lane_not_in_mask, launch_of("k"), out.data()),
        "kernel k, block (0,0,0), thread (0,0,0): __any_sync() of emulator_faults.cu:# with a "
        "mask without the own lane.");
}

TEST(EmulatorFaults, WrongAsynchronousCopyIsAnError) {
    const Floats in(64);
    const auto error = [&](auto kernel, int to, int from, int source_bytes) {
        const std::string text =
            error_of(kernel, launch_of("k"), in.data(), to, from, source_bytes);
        const size_t at = text.find("cp_async");
        return at == std::string::npos ? text : text.substr(at);
    };
    const std::string copy = " bytes in emulator_faults.cu:# ";
    EXPECT_EQ(error(copy_16, 60, 60, 16), "");
    EXPECT_EQ(error(copy_16, 60, 64, 0), "");  // reads nothing
    EXPECT_EQ(error(copy_12, 0, 0, 12),
              "cp_async of 12" + copy + "copies neither 4 nor 8 nor 16 bytes.");
    EXPECT_EQ(error(copy_16, 0, 0, 20),
              "cp_async of 16" + copy + "reads more bytes than it writes.");
    EXPECT_EQ(error(copy_16, 2, 0, 16),
              "cp_async of 16" + copy + "writes to a misaligned address.");
    EXPECT_EQ(error(copy_16, 0, 2, 16),
              "cp_async of 16" + copy + "reads from a misaligned address.");
    EXPECT_EQ(error(copy_4, 64, 0, 4), "cp_async of 4" + copy + "writes outside shared memory.");
    Floats out(64);
    EXPECT_EQ(
        error_of(copy_to_global, launch_of("k"), out.data(), in.data()),
        "kernel k, block (0,0,0), thread (0,0,0): cp_async of 4 bytes in emulator_faults.cu:# "
        "writes outside shared memory.");
    EXPECT_EQ(error_of(copy_without_wait, launch_of("k"), in.data()),
              "kernel k, block (0,0,0), thread (0,0,0): ends with asynchronous copies that no wait "
              "covers.");
#if defined(__SANITIZE_ADDRESS__)
    EXPECT_EQ(error(copy_4, 0, 64, 4), "cp_async of 4" + copy + "reads out of bounds.");
#endif
}

TEST(EmulatorFaults, WrongRowsOfMatricesAreAnError) {
    std::vector<uint32_t> out(64);
    const auto error = [&](int first) {
        const std::string text = error_of(load_matrices, launch_of("k"), out.data(), first);
        const size_t at = text.find("ldmatrix");
        return at == std::string::npos ? text : text.substr(at);
    };
    EXPECT_EQ(error(0), "");  // 256 bytes
    EXPECT_EQ(error(2), "ldmatrix in emulator_faults.cu:# reads from a misaligned address.");
    EXPECT_EQ(error(8), "ldmatrix in emulator_faults.cu:# reads outside shared memory.");
}

// A launch that failed leaves the next one as if it had not been.
TEST(EmulatorFaults, LaunchAfterAFailedOneIsRight) {
    Floats out(64), in(64, 2);
    for (int i = 0; i < 3; ++i) {
        EXPECT_NE(error_of(missing_lane, launch_of("k"), out.data(), in.data()), "");
        EXPECT_EQ(error_of(read_past_global, launch_of("k"), out.data(), in.data(), 0), "");
        EXPECT_EQ(out, in);
    }
}

#if defined(__SANITIZE_ADDRESS__)
TEST(EmulatorFaultsDeathTest, AccessOutOfBoundsEndsTheProgramAndNamesTheThread) {
    Floats out(64), in(64);
    EXPECT_EQ(error_of(write_past_static_shared, launch_of("k"), out.data(), 0), "");
    EXPECT_DEATH(emulate(write_past_static_shared, launch_of("k"), out.data(), 1),
                 "In kernel k, block \\(0,0,0\\), thread "
                 "\\(63,0,0\\)(.|\n)*(global-buffer-overflow|index 64 out of bounds)");
    EXPECT_EQ(error_of(write_past_dynamic_shared, launch_of("k"), out.data(), 0), "");
    EXPECT_DEATH(emulate(write_past_dynamic_shared, launch_of("k"), out.data(), 1),
                 "In kernel k, block \\(0,0,0\\), thread \\(63,0,0\\)(.|\n)*heap-buffer-overflow");
    EXPECT_DEATH(emulate(read_past_global, launch_of("k"), out.data(), in.data(), 3),
                 "In kernel k, block \\(0,0,0\\), thread \\(61,0,0\\)(.|\n)*heap-buffer-overflow");
}

TEST(EmulatorFaultsDeathTest, MisalignedVectorEndsTheProgram) {
    Floats out(64), in(64);
    EXPECT_EQ(error_of(misaligned_float4, launch_of("k"), out.data(), in.data(), 4), "");
    EXPECT_DEATH(emulate(misaligned_float4, launch_of("k"), out.data(), in.data(), 3),
                 "In kernel k(.|\n)*misaligned address(.|\n)*requires 16 byte alignment");
}
#endif

}  // namespace
}  // namespace convwright::emulator
