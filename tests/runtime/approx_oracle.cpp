// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/approx_oracle.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/seed.h"

namespace convwright {
namespace {

int64_t at(const Quad &sizes, int64_t n, int64_t c, int64_t y, int64_t x) {
    return ((n * sizes[1] + c) * sizes[2] + y) * sizes[3] + x;
}

Values operands(size_t count, std::mt19937 &random, bool zeros) {
    Values values(count);
    for (float &v : values) {
        const int kind = static_cast<int>(random() % 8);
        const float fraction = kind < 2 ? 1.96f + 0.0399f * (random() % 1000) / 1000
                                        : 1 + static_cast<float>(random() % (1 << 23)) / (1 << 23);
        v = std::ldexp(random() % 2 ? fraction : -fraction, static_cast<int>(random() % 9) - 4);
        if (zeros && kind == 7) v = random() % 2 ? 0.0f : -0.0f;
    }
    return values;
}

}  // namespace

Times times_of(const Multiplier &m) {
    return [m](float a, float b) { return product(m, NumberFormat::kFloat32, a, b); };
}

Values in_order(const ConvProblem &p, const ConvValues &values, const Times &times) {
    const Quad is = input_sizes(p), ws = weight_sizes(p), os = output_sizes(p);
    const int64_t ci = p.ci / p.groups, co = p.co / p.groups;
    const auto row = [](int64_t o, int64_t stride, int64_t pad, int64_t k, int64_t dilation) {
        return o * stride - pad + k * dilation;
    };
    Values result;
    if (p.direction == Direction::kFprop) {
        for (int64_t n = 0; n < p.n; n++)
            for (int64_t c = 0; c < p.co; c++)
                for (int64_t y = 0; y < p.oh(); y++)
                    for (int64_t x = 0; x < p.ow(); x++) {
                        float sum = p.bias ? values.bias[c] + 0.0f : 0.0f;
                        for (int64_t ky = 0; ky < p.kh; ky++)
                            for (int64_t kx = 0; kx < p.kw; kx++)
                                for (int64_t k = 0; k < ci; k++) {
                                    const int64_t iy =
                                        row(y, p.stride_h, p.pad_h, ky, p.dilation_h);
                                    const int64_t ix =
                                        row(x, p.stride_w, p.pad_w, kx, p.dilation_w);
                                    const bool in = iy >= 0 && iy < p.ih && ix >= 0 && ix < p.iw;
                                    const float a =
                                        in ? values.input[at(is, n, c / co * ci + k, iy, ix)] : 0;
                                    sum += times(a, values.weight[at(ws, c, k, ky, kx)]);
                                }
                        result.push_back(sum);
                    }
        return result;
    }
    if (p.direction == Direction::kDgrad) {
        for (int64_t n = 0; n < p.n; n++)
            for (int64_t c = 0; c < p.ci; c++)
                for (int64_t iy = 0; iy < p.ih; iy++)
                    for (int64_t ix = 0; ix < p.iw; ix++) {
                        float sum = 0;
                        for (int64_t ky = p.kh; ky-- > 0;)
                            for (int64_t kx = p.kw; kx-- > 0;)
                                for (int64_t k = 0; k < co; k++) {
                                    const int64_t y = iy + p.pad_h - ky * p.dilation_h;
                                    const int64_t x = ix + p.pad_w - kx * p.dilation_w;
                                    if (y % p.stride_h != 0 || x % p.stride_w != 0) continue;
                                    const int64_t oy = y / p.stride_h, ox = x / p.stride_w;
                                    const bool in = y >= 0 && oy < p.oh() && x >= 0 && ox < p.ow();
                                    const int64_t out = c / ci * co + k;
                                    const float a = in ? values.output[at(os, n, out, oy, ox)] : 0;
                                    sum += times(a, values.weight[at(ws, out, c % ci, ky, kx)]);
                                }
                        result.push_back(sum);
                    }
        return result;
    }
    for (int64_t c = 0; c < p.co; c++)
        for (int64_t k = 0; k < ci; k++)
            for (int64_t ky = 0; ky < p.kh; ky++)
                for (int64_t kx = 0; kx < p.kw; kx++) {
                    float sum = 0;
                    for (int64_t y = 0; y < p.oh(); y++)
                        for (int64_t x = 0; x < p.ow(); x++)
                            for (int64_t n = 0; n < p.n; n++) {
                                const int64_t iy = row(y, p.stride_h, p.pad_h, ky, p.dilation_h);
                                const int64_t ix = row(x, p.stride_w, p.pad_w, kx, p.dilation_w);
                                const bool in = iy >= 0 && iy < p.ih && ix >= 0 && ix < p.iw;
                                const float a =
                                    in ? values.input[at(is, n, c / co * ci + k, iy, ix)] : 0;
                                sum += times(a, values.output[at(os, n, c, y, x)]);
                            }
                    result.push_back(sum);
                }
    return result;
}

ConvValues approx_operands(const ConvProblem &p, bool zero_weights) {
    std::mt19937 random(test_seed());
    ConvValues values = integer_values(p, test_seed());
    values.input = operands(values.input.size(), random, true);
    values.weight = operands(values.weight.size(), random, zero_weights);
    values.output = operands(values.output.size(), random, zero_weights);
    values.bias = operands(values.bias.size(), random, true);
    return values;
}

MantissaTable odd_table(int bits) {
    std::vector<int32_t> entries(size_t{1} << (2 * bits));
    std::mt19937 random(test_seed());
    for (int32_t &entry : entries) entry = static_cast<int32_t>(random() % (1 << 24));
    return *make_mantissa_table(entries.data(), entries.size()).table;
}

void expect_same_bits(const Values &actual, const Values &expected) {
    ASSERT_EQ(actual.size(), expected.size());
    size_t different = 0, first = 0;
    for (size_t i = expected.size(); i-- > 0;) {
        const bool nan = std::isnan(actual[i]) && std::isnan(expected[i]);
        const bool same =
            actual[i] == expected[i] && std::signbit(actual[i]) == std::signbit(expected[i]);
        if (!nan && !same) different++, first = i;
    }
    EXPECT_EQ(different, 0u) << "the first, number " << first << ", is " << actual[first]
                             << ", not " << expected[first];
}

}  // namespace convwright
