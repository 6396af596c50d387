// SPDX-License-Identifier: Apache-2.0
// The kernels by hand, to which registers_test.cpp compares generated ones, do compute their results.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "runtime/fast_division.h"
#include "tests/codegen/emulator_orders.h"
#include "tests/codegen/handwritten/conv2d.cu"
#include "tests/codegen/handwritten/matmul.cu"
#include "tests/seed.h"

namespace convwright::emulator {
namespace {

/// Floats at a multiple of 16 bytes, as vectors need them. In [-3, 3]: every sum here is exact.
struct Integers {
    std::vector<float> memory;
    explicit Integers(size_t size, uint32_t seed) : memory(size + 4) {
        std::mt19937 random(seed);
        std::uniform_int_distribution<int> any(-3, 3);
        for (float &value : memory) value = static_cast<float>(any(random));
    }
    float *data() {
        const auto address = reinterpret_cast<uintptr_t>(memory.data());
        return memory.data() + (16 - address % 16) % 16 / sizeof(float);
    }
};

TEST(Handwritten, MatmulEqualsNaiveInAllOrders) {
    const int n = 128, k = 48;
    Integers a(n * k, test_seed()), b(n * k, test_seed() + 1);
    std::vector<float> expected(n * n);
    for (int y = 0; y < n; ++y) {
        for (int x = 0; x < n; ++x)
            for (int r = 0; r < k; ++r)
                expected[y * n + x] += a.data()[r * n + x] * b.data()[y * k + r];
    }
    for (const auto kernel : {matmul_by_hand, matmul_by_hand_stages3}) {
        for (const Launch &launch : in_all_orders({"matmul", {2, 2}, {16, 8}})) {
            Integers c(n * n, 0);
            const Outcome outcome =
                emulate(kernel, launch, a.data(), b.data(), c.data(), n, k, n, k / 16);
            EXPECT_EQ(outcome.error, "");
            EXPECT_EQ(std::vector<float>(c.data(), c.data() + n * n), expected);
        }
    }
}

Divisor divisor(int d) {
    const FastDivisor by(d);
    return {by.divisor, by.multiplier, by.shift};
}

/// 3x3, stride 2 x 1, padding 1, dilation 1 x 2, two groups of 20 input and 68 output channels.
TEST(Handwritten, Conv2dEqualsNaiveInAllOrders) {
    const int n = 2, groups = 2, ci = 20, co = 68, iw = 9, ih = 7, taps = 3, padded = 32;
    const int ow = (iw + 2 - 3) / 2 + 1, oh = ih + 2 - 5 + 1, tiles = 2, pixels = n * oh * ow;
    const int k = taps * taps * padded;
    Integers input(n * ih * iw * groups * ci, test_seed()), bias(groups * co, test_seed() + 1);
    Integers weight(groups * tiles * k * 64, test_seed() + 2);
    ConvSizes s{};
    s.ci = ci, s.iw = iw, s.ih = ih, s.co = co, s.pixels = pixels, s.turns = k / 16;
    s.stride_x = 2, s.stride_y = 1, s.pad_x = 1, s.pad_y = 1, s.dilation_x = 1, s.dilation_y = 2;
    s.input_group = ci, s.input_column = groups * ci, s.input_row = iw * groups * ci;
    s.input_image = ih * s.input_row;
    s.out_group = co, s.out_column = groups * co, s.out_row = ow * groups * co;
    s.out_image = oh * s.out_row;
    s.weight_k = 64, s.weight_tile = k * 64, s.weight_group = tiles * k * 64;
    s.columns = divisor(ow), s.rows = divisor(oh), s.taps_x = divisor(taps);
    s.chunks = divisor(padded / 16), s.co_tiles = divisor(tiles);
    // Packed weights are zeros behind the last channel, of the output too.
    for (int g = 0; g < groups; ++g) {
        for (int i = 0; i < tiles * k * 64; ++i) {
            const int tile = i / (k * 64), row = i / 64 % k, c = tile * 64 + i % 64;
            if (row % padded >= ci || c >= co) weight.data()[g * s.weight_group + i] = 0;
        }
    }
    const auto naive = [&](int image, int y, int x, int g, int c) {
        float sum = bias.data()[g * co + c];
        for (int r = 0; r < k; ++r) {
            const int channel = r % padded, kx = r / padded % taps, ky = r / padded / taps;
            const int sx = x * 2 - 1 + kx, sy = y - 1 + ky * 2;
            if (channel >= ci || sx < 0 || sx >= iw || sy < 0 || sy >= ih) continue;
            sum += input.data()[image * s.input_image + sy * s.input_row + sx * s.input_column +
                                g * ci + channel] *
                   weight.data()[g * s.weight_group + c / 64 * s.weight_tile + r * 64 + c % 64];
        }
        return std::max(sum, 0.0f);
    };
    std::vector<float> expected;
    for (int p = 0; p < pixels; ++p)
        for (int c = 0; c < groups * co; ++c)
            expected.push_back(naive(p / (ow * oh), p / ow % oh, p % ow, c / co, c % co));
    const unsigned blocks = tiles * ((pixels + 63) / 64);
    for (const Launch &launch : in_all_orders({"conv2d", {blocks, 1, groups}, {16, 8}})) {
        Integers out(expected.size(), 0);
        const Outcome outcome = emulate(conv2d_by_hand, launch, input.data(), weight.data(),
                                        bias.data(), out.data(), 0.0f, s);
        EXPECT_EQ(outcome.error, "");
        EXPECT_EQ(std::vector<float>(out.data(), out.data() + expected.size()), expected);
    }
}

}  // namespace
}  // namespace convwright::emulator
