// SPDX-License-Identifier: Apache-2.0
// Several kernels in one pipeline, shared memory of two types and with padded rows, 64-bit indices.
#include <gtest/gtest.h>

#include <sys/mman.h>

#include "small_matmul_wide.h"
#include "small_mixed.h"
#include "small_split_sum.h"
#include "small_stencil_wide.h"
#include "small_transpose_padded.h"
#include "tests/codegen/small_buffers.h"
#include "tests/codegen/small_kernels.h"

namespace convwright {
namespace {

class Shapes : public testing::TestWithParam<emulator::Order> {
protected:
    Shapes() { device_.order = GetParam(); }
    EmulatedDevice device_;
};

INSTANTIATE_TEST_SUITE_P(ThreadOrder, Shapes,
                         testing::Values(emulator::Order::kForward, emulator::Order::kReversed,
                                         emulator::Order::kShuffled));

TEST_P(Shapes, SeveralKernelsInTheirOrder) {
    for (const int width : {1, 32, 45}) {
        DeviceBuffer<float, 2> input({width, 12}), partial({width, 3});
        DeviceBuffer<float, 1> out({width});
        input.fill_with_integers(1);
        device_.launches.clear();
        ASSERT_EQ(small_split_sum(&device_, input.get(), partial.get(), out.get()), 0)
            << device_.error;
        ASSERT_EQ(device_.launches.size(), 4u);  // a kernel for each initialisation and each sum
        for (int i = 0; i < 4; ++i)
            EXPECT_EQ(device_.launches[i].kernel, "small_split_sum_" + std::to_string(i));
        for (int x = 0; x < width; ++x) {
            float sum = 0;
            for (int r = 0; r < 12; ++r) sum += input[r * width + x];
            ASSERT_EQ(out[x], sum) << x;
        }
    }
}

TEST_P(Shapes, SharedMemoryOfTwoTypes) {
    DeviceBuffer<float, 2> input({224, 112}), out({112, 224});
    DeviceBuffer<uint8_t, 2> bytes({224, 112});
    input.fill_with_integers(1);
    for (int i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7);
    ASSERT_EQ(small_mixed(&device_, input.get(), bytes.get(), out.get()), 0) << device_.error;
    EXPECT_EQ(device_.launches[0].shared_bytes, 112 * 112 * 5);
    for (int y = 0; y < 224; ++y)
        for (int x = 0; x < 112; ++x)
            ASSERT_EQ(out[y * 112 + x], input[x * 224 + y] + bytes[x * 224 + y]);
}

TEST_P(Shapes, RowsPaddedAgainstBankConflicts) {
    DeviceBuffer<float, 2> input({256, 128}), out({128, 256});
    input.fill_with_integers(6);
    ASSERT_EQ(small_transpose_padded(&device_, input.get(), out.get()), 0) << device_.error;
    EXPECT_EQ(device_.launches[0].shared_bytes, 129 * 128 * 4);
    for (int y = 0; y < 256; ++y)
        for (int x = 0; x < 128; ++x) ASSERT_EQ(out[y * 128 + x], input[x * 256 + y]);
}

TEST_P(Shapes, WideIndicesLeaveThePassesAsTheyWere) {
    DeviceBuffer<float, 2> a({128, 48}), b({48, 128}), out({128, 128});
    a.fill_with_integers(4);
    b.fill_with_integers(5);
    ASSERT_EQ(small_matmul_wide(&device_, a.get(), b.get(), out.get()), 0) << device_.error;
    EXPECT_EQ(device_.counters.barriers, 4 * 3);  // blocks, one per chunk
    for (int i = 0; i < 128 * 128; ++i) {
        float sum = 0;
        for (int r = 0; r < 48; ++r) sum += a[r * 128 + i % 128] * b[i / 128 * 48 + r];
        ASSERT_EQ(out[i], sum) << i;
    }
}

TEST_P(Shapes, AddressesBeyond32Bits) {
    // Rows 4 GB apart, in memory that exists where it is touched.
    constexpr int64_t kStride = 1 << 30;
    constexpr size_t kBytes = 10 * kStride * sizeof(float);
    void *memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto *values = static_cast<float *>(memory);
    DeviceBuffer<float, 2> input({18, 10}), out({16, 8});
    input.get()->device = reinterpret_cast<uint64_t>(memory);
    input.get()->dim[1].stride = kStride;
    for (int y = 0; y < 10; ++y)
        for (int x = 0; x < 18; ++x) values[y * kStride + x] = static_cast<float>(y * 20 + x);
    ASSERT_EQ(small_stencil_wide(&device_, input.get(), out.get()), 0) << device_.error;
    for (int y = 0; y < 8; ++y) {
        for (int x = 0; x < 16; ++x) {
            float sum = 0;
            for (int k = 0; k < 9; ++k)
                sum += static_cast<float>(((y + k / 3) * 20 + x + k % 3) * (k + 1));
            ASSERT_EQ(out[y * 16 + x], sum) << x << "," << y;
        }
    }
    munmap(memory, kBytes);
}

}  // namespace
}  // namespace convwright
