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
    int vec = 1;  ///< Elements from a multiple of it on share their tap.

    Halide::Expr pixels() const { return ow.divisor * oh.divisor * batch; }

    struct Pixel {
        Halide::Expr x, y, n;
    };
    Pixel pixel(const Halide::Expr &p) const {
        const Halide::Expr row = ow.quotient(p), n = oh.quotient(row);
        return {ow.remainder(p, row), oh.remainder(row, n), n};
    }

    struct Element {
        Halide::Expr ci, kx, ky;  ///< Vectors of channels, and the tap.
        Halide::Expr dx, dy;  ///< From the pixel's column and row of the input to those it meets.
    };
    /// Of vector e of elements.
    Element element(const Halide::Expr &e) const {
        Element at;
        const Halide::Expr tap = channels.quotient(e);
        at.ci = channels.remainder(e, tap);
        at.ky = kw.quotient(tap), at.kx = kw.remainder(tap, at.ky);
        at.dx = at.kx * geo.dilation_x - geo.pad_x, at.dy = at.ky * geo.dilation_y - geo.pad_y;
        return at;
    }

    /// Whether column x and row y are of the input.
    Halide::Expr inside(const Halide::Expr &x, const Halide::Expr &y) const {
        // 0 <= x < iw in one comparison.
        using Halide::cast;
        return cast<uint32_t>(x) < cast<uint32_t>(geo.iw) &&
               cast<uint32_t>(y) < cast<uint32_t>(geo.ih);
    }
};

}  // namespace convwright
