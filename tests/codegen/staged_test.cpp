// SPDX-License-Identifier: Apache-2.0
// Chunk loops as pipelines, host object and text together on the CPU, where an asynchronous copy
// arrives at the wait for it and not before.
#include <gtest/gtest.h>

#include "small_chunks_async2.h"
#include "small_chunks_async4.h"
#include "small_chunks_loop2.h"
#include "small_chunks_plain3.h"
#include "small_matmul_plain2.h"
#include "small_matmul_stages3.h"
#include "tests/codegen/small_buffers.h"
#include "tests/codegen/small_kernels.h"

namespace convwright {
namespace {

class Staged : public testing::TestWithParam<emulator::Order> {
protected:
    Staged() { device_.order = GetParam(); }
    EmulatedDevice device_;
};

INSTANTIATE_TEST_SUITE_P(ThreadOrder, Staged,
                         testing::Values(emulator::Order::kForward, emulator::Order::kReversed,
                                         emulator::Order::kShuffled));

struct Chunks {
    int (*call)(const void *, halide_buffer_t *, halide_buffer_t *, halide_buffer_t *);
    int shared_bytes;  // dynamic
};

TEST_P(Staged, ChunksAndTailsAndFewerChunksThanStages) {
    constexpr int kChunk = 64 * 64 * 4, kTable = 64 * 4;
    for (const auto &[call, shared_bytes] :
         {Chunks{small_chunks_async2, 0},  // below 48 KB
          Chunks{small_chunks_async4, 4 * kChunk + kTable},
          Chunks{small_chunks_plain3, 3 * kChunk + kTable}, Chunks{small_chunks_loop2, 0}}) {
        for (const int rows : {1, 63, 64, 65, 128, 129, 200, 256, 257, 400}) {
            const int width = rows == 129 ? 128 : 64;
            DeviceBuffer<float, 2> input({width, rows});
            DeviceBuffer<float, 1> weight({64}), out({width});
            input.fill_with_integers(1);
            weight.fill_with_integers(2);
            ASSERT_EQ(call(&device_, input.get(), weight.get(), out.get()), 0) << device_.error;
            EXPECT_EQ(device_.launches.back().shared_bytes, shared_bytes);
            for (int x = 0; x < width; ++x) {
                float sum = 0;
                for (int r = 0; r < rows; ++r) sum += input[r * width + x] * weight[r % 64];
                ASSERT_EQ(out[x], sum) << rows << " rows at " << x;
            }
        }
    }
}

TEST_P(Staged, OneBarrierPerChunk) {
    for (const int chunks : {1, 2, 5, 6}) {
        DeviceBuffer<float, 2> input({64, 64 * chunks});
        DeviceBuffer<float, 1> weight({64}), out({64});
        for (const auto call : {small_chunks_async2, small_chunks_async4, small_chunks_plain3}) {
            ASSERT_EQ(call(&device_, input.get(), weight.get(), out.get()), 0) << device_.error;
            EXPECT_EQ(device_.counters.barriers, chunks);
        }
    }
}

TEST_P(Staged, MatricesOfNoChunkAndSome) {
    for (const int k : {0, 16, 32, 48, 80}) {
        DeviceBuffer<float, 2> a({64, k}), b({k, 64}), out({64, 64});
        a.fill_with_integers(4);
        b.fill_with_integers(5);
        for (const auto matmul : {small_matmul_stages3, small_matmul_plain2}) {
            ASSERT_EQ(matmul(&device_, a.get(), b.get(), out.get()), 0) << device_.error;
            for (int i = 0; i < 64 * 64; ++i) {
                float sum = 0;
                for (int r = 0; r < k; ++r) sum += a[r * 64 + i % 64] * b[i / 64 * k + r];
                ASSERT_EQ(out[i], sum) << k << " at " << i;
            }
        }
    }
}

}  // namespace
}  // namespace convwright
