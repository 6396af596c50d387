// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/naive_conv2d.h"

#include <algorithm>
#include <random>

namespace convwright {
namespace {

int64_t count(const Quad &sizes) { return sizes[0] * sizes[1] * sizes[2] * sizes[3]; }

int64_t offset(const Quad &sizes, int64_t a, int64_t b, int64_t c, int64_t d) {
    return ((a * sizes[1] + b) * sizes[2] + c) * sizes[3] + d;
}

/// Calls visit(input, weight, output offset) for each product of the convolution; the sum over it
/// of any two of the tensors is the third one's direction.
template<typename Visit>
void for_each_product(const ConvProblem &p, Visit visit) {
    const Quad in = input_sizes(p), w = weight_sizes(p), out = output_sizes(p);
    const int64_t group_co = p.co / p.groups, group_ci = p.ci / p.groups;
    for (int64_t n = 0; n < p.n; n++)
        for (int64_t co = 0; co < p.co; co++)
            for (int64_t ci = 0; ci < group_ci; ci++)
                for (int64_t oy = 0; oy < p.oh(); oy++)
                    for (int64_t ky = 0; ky < p.kh; ky++) {
                        const int64_t iy = oy * p.stride_h - p.pad_h + ky * p.dilation_h;
                        if (iy < 0 || iy >= p.ih) continue;
                        for (int64_t ox = 0; ox < p.ow(); ox++)
                            for (int64_t kx = 0; kx < p.kw; kx++) {
                                const int64_t ix = ox * p.stride_w - p.pad_w + kx * p.dilation_w;
                                if (ix < 0 || ix >= p.iw) continue;
                                const int64_t channel = co / group_co * group_ci + ci;
                                visit(offset(in, n, channel, iy, ix), offset(w, co, ci, ky, kx),
                                      offset(out, n, co, oy, ox));
                            }
                    }
}

}  // namespace

Quad input_sizes(const ConvProblem &p) { return {p.n, p.ci, p.ih, p.iw}; }
Quad output_sizes(const ConvProblem &p) { return {p.n, p.co, p.oh(), p.ow()}; }
Quad weight_sizes(const ConvProblem &p) { return {p.co, p.ci / p.groups, p.kh, p.kw}; }

Quad result_sizes(const ConvProblem &p) {
    return p.direction == Direction::kFprop   ? output_sizes(p)
           : p.direction == Direction::kDgrad ? input_sizes(p)
                                              : weight_sizes(p);
}

ConvValues integer_values(const ConvProblem &p, uint32_t seed) {
    std::mt19937 random(seed);
    const auto integers = [&](int64_t size) {
        Values values(size);
        for (float &v : values) v = static_cast<float>(static_cast<int>(random() % 7) - 3);
        return values;
    };
    return {integers(count(input_sizes(p))), integers(count(weight_sizes(p))),
            integers(count(output_sizes(p))), integers(p.co)};
}

Values naive_conv2d(const ConvProblem &p, const ConvValues &v) {
    std::vector<double> sum(count(result_sizes(p)));
    switch (p.direction) {
        case Direction::kFprop:
            for_each_product(p, [&](int64_t i, int64_t w, int64_t o) {
                sum[o] += double{v.input[i]} * v.weight[w];
            });
            break;
        case Direction::kDgrad:
            for_each_product(p, [&](int64_t i, int64_t w, int64_t o) {
                sum[i] += double{v.output[o]} * v.weight[w];
            });
            break;
        case Direction::kWgrad:
            for_each_product(p, [&](int64_t i, int64_t w, int64_t o) {
                sum[w] += double{v.output[o]} * v.input[i];
            });
            break;
    }
    if (p.bias && p.direction == Direction::kFprop) {
        const int64_t pixels = p.oh() * p.ow();
        for (int64_t o = 0; o < static_cast<int64_t>(sum.size()); o++) {
            sum[o] += v.bias[o / pixels % p.co];
        }
    }
    Values result(sum.begin(), sum.end());
    for (float &value : result) {
        if (p.relu) value = std::max(value, 0.0f);
        if (p.dtype == DType::kBf16) value = from_bf16(to_bf16(value));
    }
    return result;
}

}  // namespace convwright
