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

/// Calls visit(input, weight, output offset) for each product that one result sums.
template<typename Visit>
void for_each_product_of(const ConvProblem &p, int64_t result, Visit visit) {
    const Quad in = input_sizes(p), w = weight_sizes(p), out = output_sizes(p);
    const Quad sizes = result_sizes(p);
    const int64_t d = result % sizes[3], c = result / sizes[3] % sizes[2];
    const int64_t b = result / (sizes[3] * sizes[2]) % sizes[1];
    const int64_t a = result / (sizes[3] * sizes[2] * sizes[1]);
    const int64_t group_co = p.co / p.groups, group_ci = p.ci / p.groups;
    const auto visit_inside = [&](int64_t n, int64_t co, int64_t ci, int64_t oy, int64_t ox,
                                  int64_t ky, int64_t kx) {
        const int64_t iy = oy * p.stride_h - p.pad_h + ky * p.dilation_h;
        const int64_t ix = ox * p.stride_w - p.pad_w + kx * p.dilation_w;
        if (iy < 0 || iy >= p.ih || ix < 0 || ix >= p.iw) return;
        visit(offset(in, n, co / group_co * group_ci + ci, iy, ix), offset(w, co, ci, ky, kx),
              offset(out, n, co, oy, ox));
    };
    switch (p.direction) {
        case Direction::kFprop:  // a, b, c, d: image, output channel, row, column
            for (int64_t ci = 0; ci < group_ci; ci++)
                for (int64_t ky = 0; ky < p.kh; ky++)
                    for (int64_t kx = 0; kx < p.kw; kx++) visit_inside(a, b, ci, c, d, ky, kx);
            break;
        case Direction::kDgrad:  // image, input channel, row, column
            for (int64_t ky = 0; ky < p.kh; ky++) {
                const int64_t y = c + p.pad_h - ky * p.dilation_h;
                if (y < 0 || y % p.stride_h != 0 || y / p.stride_h >= p.oh()) continue;
                for (int64_t kx = 0; kx < p.kw; kx++) {
                    const int64_t x = d + p.pad_w - kx * p.dilation_w;
                    if (x < 0 || x % p.stride_w != 0 || x / p.stride_w >= p.ow()) continue;
                    const int64_t first = b / group_ci * group_co;
                    for (int64_t co = first; co < first + group_co; co++)
                        visit_inside(a, co, b % group_ci, y / p.stride_h, x / p.stride_w, ky, kx);
                }
            }
            break;
        case Direction::kWgrad:  // output channel, input channel of the group, taps
            for (int64_t n = 0; n < p.n; n++)
                for (int64_t oy = 0; oy < p.oh(); oy++)
                    for (int64_t ox = 0; ox < p.ow(); ox++) visit_inside(n, a, b, oy, ox, c, d);
            break;
    }
}

/// A product's factors in the problem's direction.
double product(const ConvProblem &p, const ConvValues &v, int64_t i, int64_t w, int64_t o) {
    switch (p.direction) {
        case Direction::kFprop:
            return double{v.input[i]} * v.weight[w];
        case Direction::kDgrad:
            return double{v.output[o]} * v.weight[w];
        default:
            return double{v.output[o]} * v.input[i];
    }
}

/// What is stored for a sum.
float epilogue(const ConvProblem &p, const ConvValues &v, int64_t result, double sum) {
    if (p.bias && p.direction == Direction::kFprop)
        sum += v.bias[result / (p.oh() * p.ow()) % p.co];
    float value = static_cast<float>(sum);
    if (p.relu) value = std::max(value, 0.0f);
    return p.dtype == DType::kF32 ? value : from_short(to_short(value, p.dtype), p.dtype);
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
    return {integers(count(input_sizes(p))),
            integers(count(weight_sizes(p))),
            integers(count(output_sizes(p))),
            integers(p.co),
            {}};
}

Values naive_conv2d(const ConvProblem &p, const ConvValues &v) {
    std::vector<double> sums(count(result_sizes(p)));
    for_each_product(p, [&](int64_t i, int64_t w, int64_t o) {
        const int64_t result = p.direction == Direction::kFprop   ? o
                               : p.direction == Direction::kDgrad ? i
                                                                  : w;
        sums[result] += product(p, v, i, w, o);
    });
    Values results;
    for (size_t r = 0; r < sums.size(); r++)
        results.push_back(epilogue(p, v, static_cast<int64_t>(r), sums[r]));
    return results;
}

Values naive_results(const ConvProblem &p, const ConvValues &v,
                     const std::vector<int64_t> &numbers) {
    Values results;
    for (const int64_t r : numbers) {
        double sum = 0;
        for_each_product_of(
            p, r, [&](int64_t i, int64_t w, int64_t o) { sum += product(p, v, i, w, o); });
        results.push_back(epilogue(p, v, r, sum));
    }
    return results;
}

}  // namespace convwright
