// SPDX-License-Identifier: Apache-2.0
// Host object and CUDA C++ text of ordinary Generators, run together on the CPU.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "small_add1.h"
#include "small_add4.h"
#include "small_matmul.h"
#include "small_matmul_async.h"
#include "small_padded.h"
#include "small_stencil.h"
#include "small_transpose.h"
#include "small_types.h"
#include "tests/codegen/small_buffers.h"
#include "tests/codegen/small_kernels.h"

namespace convwright {
namespace {

class Offload : public testing::TestWithParam<emulator::Order> {
protected:
    Offload() { device_.order = GetParam(); }
    EmulatedDevice device_;
};

INSTANTIATE_TEST_SUITE_P(ThreadOrder, Offload,
                         testing::Values(emulator::Order::kForward, emulator::Order::kReversed,
                                         emulator::Order::kShuffled));

TEST_P(Offload, AddsArraysOfAnySize) {
    for (const auto add : {small_add1, small_add4}) {
        for (const int n : {1, 3, 63, 64, 65, 255, 256, 257, 1030}) {
            DeviceBuffer<float, 1> a({n}), b({n}), out({n});
            a.fill_with_integers(1);
            b.fill_with_integers(2);
            ASSERT_EQ(add(&device_, a.get(), b.get(), 5.0f, out.get()), 0) << device_.error;
            for (int i = 0; i < n; ++i) ASSERT_EQ(out[i], a[i] * 5.0f + b[i]) << n << " " << i;
        }
    }
}

TEST_P(Offload, SumsNeighboursFromSharedMemory) {
    for (const auto &[w, h] : {std::array<int, 2>{1, 1}, {15, 7}, {16, 8}, {17, 9}, {40, 25}}) {
        DeviceBuffer<float, 2> input({w + 2 + 15, h + 2 + 7}), out({w, h});
        const int row = w + 2 + 15;
        input.fill_with_integers(3);
        ASSERT_EQ(small_stencil(&device_, input.get(), out.get()), 0) << device_.error;
        for (int y = 0; y < h; ++y) {
            for (int x = 0; x < w; ++x) {
                float sum = 0;
                for (int k = 0; k < 9; ++k)
                    sum += input[(y + k / 3) * row + x + k % 3] * static_cast<float>(k + 1);
                ASSERT_EQ(out[y * w + x], sum) << w << "x" << h << " at " << x << "," << y;
            }
        }
    }
}

TEST_P(Offload, MultipliesMatricesInRegisterTiles) {
    for (const auto &[n, k] : {std::array<int, 2>{64, 16}, {64, 80}, {128, 32}}) {
        DeviceBuffer<float, 2> a({n, k}), b({k, n}), out({n, n});
        a.fill_with_integers(4);
        b.fill_with_integers(5);
        for (const auto matmul : {small_matmul, small_matmul_async}) {
            ASSERT_EQ(matmul(&device_, a.get(), b.get(), out.get()), 0) << device_.error;
            for (int y = 0; y < n; ++y) {
                for (int x = 0; x < n; ++x) {
                    float sum = 0;
                    for (int r = 0; r < k; ++r) sum += a[r * n + x] * b[y * k + r];
                    ASSERT_EQ(out[y * n + x], sum) << n << " " << k << " at " << x << "," << y;
                }
            }
        }
    }
}

TEST_P(Offload, CopiesAsynchronouslyWithZerosOutside) {
    for (const auto &[w, h] : {std::array<int, 2>{4, 4}, {16, 4}, {36, 8}}) {
        DeviceBuffer<float, 2> input({w, h}), out({w, h});
        input.fill_with_integers(7);
        ASSERT_EQ(small_padded(&device_, input.get(), out.get()), 0) << device_.error;
        for (int y = 0; y < h; ++y) {
            for (int x = 0; x < w; ++x) {
                float sum = input[y * w + x];
                if (x > 0) sum += input[y * w + x - 1];
                if (x + 1 < w) sum += input[y * w + x + 1];
                ASSERT_EQ(out[y * w + x], sum) << w << "x" << h << " at " << x << "," << y;
            }
        }
    }
}

TEST_P(Offload, UsesDynamicSharedMemoryAbove48KB) {
    DeviceBuffer<float, 2> input({256, 128}), out({128, 256});
    input.fill_with_integers(6);
    ASSERT_EQ(small_transpose(&device_, input.get(), out.get()), 0) << device_.error;
    EXPECT_EQ(device_.launches[0].shared_bytes, 64 * 1024);
    for (int y = 0; y < 256; ++y)
        for (int x = 0; x < 128; ++x) ASSERT_EQ(out[y * 128 + x], input[x * 256 + y]);
}

float bfloat16_value(uint16_t bits) {
    const uint32_t wide = uint32_t{bits} << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

TEST_P(Offload, ComputesWithStorageTypesNarrowIntegersAndDivisions) {
    constexpr int n = 100;
    DeviceBuffer<uint16_t, 1> half({n}), brain({n}), sum({n}), rounded({n});
    DeviceBuffer<uint8_t, 1> bytes({n});
    DeviceBuffer<int32_t, 1> mixed({n});
    for (auto *b : {&half, &sum}) b->get()->type = halide_type_t(halide_type_float, 16);
    for (auto *b : {&brain, &rounded}) b->get()->type = halide_type_t(halide_type_bfloat, 16);
    for (int i = 0; i < n; ++i) {
        half[i] = 0x3c00 + i * 16;   // 1 + i / 64
        brain[i] = 0x4000 + i % 64;  // 2 + i / 64
        bytes[i] = 200 + i % 56;
    }
    ASSERT_EQ(small_types(&device_, half.get(), brain.get(), bytes.get(), sum.get(), rounded.get(),
                          mixed.get()),
              0)
        << device_.error;
    for (int i = 0; i < n; ++i) {
        const float h = i < 64 ? 1.0f + i / 64.0f : 2.0f + (i - 64) / 32.0f;
        const float b = bfloat16_value(brain[i]);
        // Exact in float16 below 8: steps of 1 / 64 or finer.
        const float expected = h * 2.0f + b;
        int exponent;
        const float fraction = std::frexp(expected, &exponent);
        const int bits = ((exponent + 14) << 10) + static_cast<int>(fraction * 2048) - 1024;
        EXPECT_EQ(sum[i], bits) << i;
        EXPECT_NEAR(bfloat16_value(rounded[i]), h + b / 3.0f, (h + b) / 256.0f) << i;
        const int shifted = i - 40, square = static_cast<uint8_t>(bytes[i] * bytes[i]);
        const int down = static_cast<int>(std::floor(shifted / 7.0));
        EXPECT_EQ(mixed[i], square + down * 100 + ((shifted % 12) + 12) % 12) << i;
    }
}

TEST(OffloadCall, AsksForTheLaunchOfTheText) {
    EmulatedDevice device;
    DeviceBuffer<float, 2> a({128, 32}), b({32, 64}), out({128, 64});
    ASSERT_EQ(small_matmul(&device, a.get(), b.get(), out.get()), 0) << device.error;
    ASSERT_EQ(device.launches.size(), 1u);
    const convwright_cuda_launch_t &launch = device.launches[0];
    EXPECT_STREQ(launch.kernel, "small_matmul_0");
    EXPECT_EQ((std::vector<int>(launch.grid, launch.grid + 3)), (std::vector<int>{2, 1, 1}));
    EXPECT_EQ((std::vector<int>(launch.block, launch.block + 3)), (std::vector<int>{16, 8, 1}));
    EXPECT_EQ(launch.shared_bytes, 0);
    EXPECT_GE(launch.argument_count, 3);
    EXPECT_FALSE(out.get()->device_dirty());
}

TEST(OffloadCall, ReturnsTheErrorOfALaunch) {
    EmulatedDevice device;
    device.fails_with = 7;
    DeviceBuffer<float, 1> a({8}), b({8}), out({8});
    EXPECT_EQ(small_add1(&device, a.get(), b.get(), 1.0f, out.get()), 7);
}

TEST(OffloadCall, LaunchesNothingForAnEmptyOutput) {
    EmulatedDevice device;
    DeviceBuffer<float, 1> a({0}), b({0}), out({0});
    EXPECT_EQ(small_add1(&device, a.get(), b.get(), 1.0f, out.get()), 0) << device.error;
    EXPECT_TRUE(device.launches.empty());
}

TEST(OffloadCall, RefusesAPointerThatVectorsCannotUse) {
    EmulatedDevice device;
    DeviceBuffer<float, 1> a({64}), b({64}, 1), out({64});
    EXPECT_EQ(small_add4(&device, a.get(), b.get(), 1.0f, out.get()),
              halide_error_code_unaligned_host_ptr);
    EXPECT_TRUE(device.launches.empty());
    EXPECT_NE(device.error.find("b"), std::string::npos) << device.error;
    EXPECT_EQ(small_add1(&device, a.get(), b.get(), 1.0f, out.get()), 0) << device.error;
}

TEST(OffloadCall, RefusesWhat32BitIndicesCannotAddress) {
    EmulatedDevice device;
    DeviceBuffer<float, 2> input({32, 32}), out({14, 14});
    input.get()->dim[1].stride = 1 << 30;
    EXPECT_EQ(small_stencil(&device, input.get(), out.get()),
              halide_error_code_buffer_allocation_too_large)
        << device.error;
}

}  // namespace
}  // namespace convwright
