// SPDX-License-Identifier: Apache-2.0
// Products on tensor cores, host object and text together on the CPU. Small whole numbers are exact in
// each type of a factor, and so is their sum in whatever order it is formed.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "codegen/device/float_types.h"
#include "mma_bf16.h"
#include "mma_f16.h"
#include "mma_int8.h"
#include "mma_tf32.h"
#include "mma_tf32_stages3.h"
#include "tests/codegen/small_buffers.h"
#include "tests/codegen/small_kernels.h"

namespace convwright {
namespace {

using Matmul = int (*)(const void *, halide_buffer_t *, halide_buffer_t *, halide_buffer_t *);

class Mma : public testing::TestWithParam<emulator::Order> {
protected:
    Mma() { device_.order = GetParam(); }

    /// out(x, y) = sum of a(x, r) * b(r, y), n x m, against plain loops; with_bits stores a number in the
    /// type that memory holds factors in.
    template<typename Element, typename Sum, typename Bits>
    void check(Matmul matmul, halide_type_t type, bool k_major, int n, int m, int k, Bits with_bits,
               int stand_out = 0) {
        const int wide = n + stand_out, high = m + stand_out;
        DeviceBuffer<Element, 2> a(k_major ? std::array{k, wide} : std::array{wide, k}),
            b({k, high});
        DeviceBuffer<Sum, 2> out({n, m});
        a.get()->type = b.get()->type = type;
        std::vector<int> x(a.size()), y(b.size());
        uint32_t seed = 9;
        for (auto [numbers, buffer] : {std::pair{&x, &a}, {&y, &b}}) {
            for (int i = 0; i < buffer->size(); ++i) {
                seed = seed * 1664525u + 1013904223u;
                (*numbers)[i] = static_cast<int>((seed >> 16) % 15) - 7;
                (*buffer)[i] = with_bits((*numbers)[i]);
            }
        }
        ASSERT_EQ(matmul(&device_, a.get(), b.get(), out.get()), 0) << device_.error;
        for (int row = 0; row < m; ++row) {
            for (int column = 0; column < n; ++column) {
                int sum = 0;
                for (int r = 0; r < k; ++r)
                    sum += x[k_major ? column * k + r : r * wide + column] * y[row * k + r];
                ASSERT_EQ(out[row * n + column], static_cast<Sum>(sum))
                    << n << "x" << m << "x" << k << " at " << column << "," << row;
            }
        }
    }
    EmulatedDevice device_;
};

INSTANTIATE_TEST_SUITE_P(ThreadOrder, Mma,
                         testing::Values(emulator::Order::kForward, emulator::Order::kReversed,
                                         emulator::Order::kShuffled));

TEST_P(Mma, Tf32) {
    const auto bits = [](int i) { return static_cast<float>(i); };
    for (const int k : {0, 16, 64})
        check<float, float>(mma_tf32, halide_type_of<float>(), false, 128, 64, k, bits);
    EXPECT_EQ(device_.counters.mmas, 2 * 4 * 8 * 8);  // blocks, warps, tiles, steps of 8
}

TEST_P(Mma, Tf32InThreeStagesAndTilesThatStandOut) {
    const auto bits = [](int i) { return static_cast<float>(i); };
    for (const int k : {0, 16, 32, 80}) {
        check<float, float>(mma_tf32_stages3, halide_type_of<float>(), false, 64, 64, k, bits);
        check<float, float>(mma_tf32_stages3, halide_type_of<float>(), false, 36, 41, k, bits, 28);
    }
}

TEST_P(Mma, RoundsFactorsToTf32) {
    DeviceBuffer<float, 2> a({64, 16}), b({16, 64}), out({64, 64});
    for (int i = 0; i < a.size(); ++i) a[i] = b[i] = 0.0f;
    a[0] = 1.0f + std::ldexp(1.0f, -11);   // a tie: away from zero
    a[1] = 1.0f + std::ldexp(1.0f, -12);   // down
    a[2] = -1.0f - std::ldexp(1.5f, -11);  // up in size
    b[0] = 1.0f;
    ASSERT_EQ(mma_tf32(&device_, a.get(), b.get(), out.get()), 0) << device_.error;
    EXPECT_EQ(out[0], 1.0f + std::ldexp(1.0f, -10));
    EXPECT_EQ(out[1], 1.0f);
    EXPECT_EQ(out[2], -1.0f - std::ldexp(1.0f, -10));
}

TEST_P(Mma, Bfloat16) {
    const auto bits = [](int i) { return device::to_bfloat16(static_cast<float>(i)).bits; };
    for (const int k : {32, 96})
        check<uint16_t, float>(mma_bf16, halide_type_t(halide_type_bfloat, 16), true, 64, 128, k,
                               bits);
}

TEST_P(Mma, Float16AcrossRows) {
    const auto bits = [](int i) { return device::to_float16(static_cast<float>(i)).bits; };
    for (const int k : {32, 96})
        check<uint16_t, float>(mma_f16, halide_type_t(halide_type_float, 16), false, 64, 64, k,
                               bits);
}

TEST_P(Mma, Int8) {
    const auto bits = [](int i) { return static_cast<int8_t>(i * 18); };
    DeviceBuffer<int8_t, 2> a({64, 64}), b({64, 64});
    DeviceBuffer<int32_t, 2> out({64, 64});
    for (int i = 0; i < a.size(); ++i) a[i] = bits(i % 15 - 7), b[i] = bits(i % 13 - 6);
    ASSERT_EQ(mma_int8(&device_, a.get(), b.get(), out.get()), 0) << device_.error;
    for (int i = 0; i < out.size(); ++i) {
        int sum = 0;
        for (int r = 0; r < 64; ++r) sum += a[i % 64 * 64 + r] * b[i / 64 * 64 + r];
        ASSERT_EQ(out[i], sum) << i;
    }
}

}  // namespace
}  // namespace convwright
