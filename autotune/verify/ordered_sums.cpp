// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/ordered_sums.h"

#include <bit>
#include <cmath>
#include <numeric>

namespace convwright {
namespace {

int64_t at(const Quad &sizes, int64_t n, int64_t c, int64_t y, int64_t x) {
    return ((n * sizes[1] + c) * sizes[2] + y) * sizes[3] + x;
}

/// An operand that may lie in the padding, where it is zero.
float padded(const Quad &sizes, const Values &values, int64_t n, int64_t c, int64_t y, int64_t x) {
    const bool inside = y >= 0 && y < sizes[2] && x >= 0 && x < sizes[3];
    return inside ? values[at(sizes, n, c, y, x)] : 0.0f;
}

/// Sums of one problem, each result by itself: `result` holds its indices in torch's order.
struct Sums {
    const ConvProblem &p;
    const ConvValues &v;
    const Times &times;
    Quad in = input_sizes(p), w = weight_sizes(p), out = output_sizes(p);
    int64_t ci = p.ci / p.groups, co = p.co / p.groups;

    int64_t row(int64_t oy, int64_t ky) const {
        return oy * p.stride_h - p.pad_h + ky * p.dilation_h;
    }
    int64_t column(int64_t ox, int64_t kx) const {
        return ox * p.stride_w - p.pad_w + kx * p.dilation_w;
    }

    float fprop(const Quad &result) const {
        const auto [n, c, y, x] = result;
        float sum = p.bias ? v.bias[c] + 0.0f : 0.0f;
        for (int64_t ky = 0; ky < p.kh; ky++)
            for (int64_t kx = 0; kx < p.kw; kx++)
                for (int64_t k = 0; k < ci; k++)
                    sum += times(padded(in, v.input, n, c / co * ci + k, row(y, ky), column(x, kx)),
                                 v.weight[at(w, c, k, ky, kx)]);
        return sum;
    }

    float dgrad(const Quad &result) const {
        const auto [n, c, iy, ix] = result;
        float sum = 0;
        for (int64_t ky = p.kh; ky-- > 0;)
            for (int64_t kx = p.kw; kx-- > 0;) {
                const int64_t y = iy + p.pad_h - ky * p.dilation_h;
                const int64_t x = ix + p.pad_w - kx * p.dilation_w;
                if (y % p.stride_h != 0 || x % p.stride_w != 0) continue;
                for (int64_t k = 0; k < co; k++) {
                    const int64_t channel = c / ci * co + k;
                    sum += times(padded(out, v.output, n, channel, y / p.stride_h, x / p.stride_w),
                                 v.weight[at(w, channel, c % ci, ky, kx)]);
                }
            }
        return sum;
    }

    float wgrad(const Quad &result) const {
        const auto [c, k, ky, kx] = result;
        float sum = 0;
        for (int64_t y = 0; y < p.oh(); y++)
            for (int64_t x = 0; x < p.ow(); x++)
                for (int64_t n = 0; n < p.n; n++)
                    sum += times(padded(in, v.input, n, c / co * ci + k, row(y, ky), column(x, kx)),
                                 v.output[at(out, n, c, y, x)]);
        return sum;
    }
};

}  // namespace

Values results_in_order(const ConvProblem &p, const ConvValues &values, const Times &times,
                        const std::vector<int64_t> &numbers) {
    const Sums sums{p, values, times};
    const Quad sizes = result_sizes(p);
    Values results;
    for (const int64_t number : numbers) {
        const int64_t plane = number / sizes[3] / sizes[2];
        const Quad result{plane / sizes[1], plane % sizes[1], number / sizes[3] % sizes[2],
                          number % sizes[3]};
        results.push_back(p.direction == Direction::kFprop   ? sums.fprop(result)
                          : p.direction == Direction::kDgrad ? sums.dgrad(result)
                                                             : sums.wgrad(result));
    }
    return results;
}

Values in_order(const ConvProblem &p, const ConvValues &values, const Times &times) {
    const Quad sizes = result_sizes(p);
    std::vector<int64_t> all(sizes[0] * sizes[1] * sizes[2] * sizes[3]);
    std::iota(all.begin(), all.end(), 0);
    return results_in_order(p, values, times, all);
}

bool same_float(float a, float b) {
    return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
           (std::isnan(a) && std::isnan(b));
}

}  // namespace convwright
