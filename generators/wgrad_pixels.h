// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv_geometry.h"
#include "generators/fast_division.h"

namespace convwright {

/// A tile of filter elements and output channels. Results are indexed in tiles, (e, co, e_o, co_o,
/// ...): no index of what a block shares then depends on the block, and barriers can be judged.
struct WgradTile {
    int e, co;
};

/// How kernels number what wgrad sums over and what it computes, so that neither needs whole tiles of
/// an axis: the output pixels of all images, p = x + ow * (y + oh * n), and the elements of a filter,
/// e = ci + channels * (kx + kw * ky). What lies behind the last pixel is zeros; behind the last
/// element or output channel comes anything that memory of the input holds: it is never stored.
struct WgradPixels {
    ConvGeometry geo;
    FastDivision ow, oh;        ///< Of a pixel.
    FastDivision channels, kw;  ///< Of a filter element; the first by `vec`.
    Halide::Expr batch;
    int vec = 1;           ///< Elements from a multiple of it on share their tap.
    bool clamped = false;  ///< Where a load that is not wanted would be made all the same.

    Halide::Expr pixels() const { return ow.divisor * oh.divisor * batch; }

    /// grad_output at output channel first + co, where `first` is a multiple of vec, and pixel p.
    Halide::Expr gradient(const Halide::Func &grad_output, const Halide::Expr &first,
                          const Halide::Expr &co, const Halide::Expr &g,
                          const Halide::Expr &p) const {
        const Pixel at = pixel(p);
        return select(p < pixels(),
                      to_float(grad_output(within(first, co, geo.co), inside(g, geo.groups),
                                           inside(at.x, ow.divisor), inside(at.y, oh.divisor),
                                           inside(at.n, batch))),
                      0.0f);
    }

    /// The input that meets filter element e at pixel p, 0 outside.
    Halide::Expr patch(const Halide::Func &input, const Halide::Expr &e, const Halide::Expr &g,
                       const Halide::Expr &p) const {
        const Pixel at = pixel(p);
        const Halide::Expr first = e / vec, tap = channels.quotient(first);
        const Halide::Expr ci = channels.remainder(first, tap) * vec + e % vec;
        const Halide::Expr ky = kw.quotient(tap), kx = kw.remainder(tap, ky);
        const Halide::Expr x = at.x * geo.stride_x + (kx * geo.dilation_x - geo.pad_x);
        const Halide::Expr y = at.y * geo.stride_y + (ky * geo.dilation_y - geo.pad_y);
        return select(
            below(x, geo.iw) && below(y, geo.ih) && p < pixels(),
            to_float(input(unsafe_promise_clamped(ci, 0, geo.ci - 1), inside(g, geo.groups),
                           inside(x, geo.iw), inside(y, geo.ih), inside(at.n, batch))),
            0.0f);
    }

private:
    struct Pixel {
        Halide::Expr x, y, n;
    };
    Pixel pixel(const Halide::Expr &p) const {
        const Halide::Expr row = ow.quotient(p), n = oh.quotient(row);
        return {ow.remainder(p, row), oh.remainder(row, n), n};
    }
    /// 0 <= i < count in one comparison.
    static Halide::Expr below(const Halide::Expr &i, const Halide::Expr &count) {
        return Halide::cast<uint32_t>(i) < Halide::cast<uint32_t>(count);
    }
    Halide::Expr inside(const Halide::Expr &i, const Halide::Expr &count) const {
        return clamped ? clamp(i, 0, count - 1) : unsafe_promise_clamped(i, 0, count - 1);
    }
    /// Channels behind the last one repeat it, by whole vectors.
    Halide::Expr within(const Halide::Expr &first, const Halide::Expr &c,
                        const Halide::Expr &count) const {
        return min(first / vec + c / vec, count / vec - 1) * vec + c % vec;
    }
};

}  // namespace convwright
