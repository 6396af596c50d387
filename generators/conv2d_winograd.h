// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_fprop.h"
#include "schedules/winograd_tile.h"

namespace convwright {

/// Conv2dFprop of 3 x 3 taps with stride 1 by Winograd's F(2 x 2, 3 x 3): 16 products for four outputs in place
/// of 36 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4.1).
///   pixels(a,b) = B^T d B of the 4 x 4 pixels from (2*x, 2*y) on, for tile (x, y)
///   products(a,b) = sum_ci pixels(ci,a,b) * weight(co,ci,a,b)
///   out(2*x + i, 2*y + j) = max(floor, bias + (A^T products A)(i,j))
/// Packed operands: the transformed weight (co % panel, ci, a, b, co / panel, g), which is G w G^T
/// (generators/weight_generators.cpp); bias as for Conv2dFprop. a counts columns, b rows.
/// Small integers are exact: the factors are 1, -1 and, in G, 1/2. Else an output carries the rounding of the
/// other three of its tile, and a NaN or an infinity may reach all four: docs/adr/0021.
struct Conv2dWinograd : ConvSum {
    FrameLoops frame;  ///< Of the updates that fill `padded`.
    Halide::Var a{"a"}, b{"b"}, i{"i"}, j{"j"};
    Halide::Func padded{"padded"}, pixels{"pixels"}, products{"products"}, sums{"sums"};

    Conv2dWinograd(const Halide::Func &input, const Halide::Func &weight, const Halide::Func &bias,
                   const Halide::Expr &floor, const ConvGeometry &geo, int panel) {
        using Halide::Expr;
        constexpr int kTile = WinogradTile::kWritten, kRead = WinogradTile::kRead;
        const Halide::RDom r(0, geo.ci, "r");
        r_ci = r;
        frame = fill_frame(padded, input, geo, geo.tiled_ow + kRead - kTile, ci, g, x, y, n);
        pixels(ci, g, x, y, n, a, b) = read(b, [&](int row) {
            return read(a, [&](int column) -> Expr {
                return padded(ci, g, x * kTile + column, y * kTile + row, n);
            });
        });
        conv(co, g, x, y, n, a, b) = 0.0f;
        conv(co, g, x, y, n, a, b) +=
            pixels(r_ci, g, x, y, n, a, b) * weight(co % panel, r_ci, a, b, co / panel, g);
        products(co, g, x, y, n, a, b) = conv(co, g, x, y, n, a, b);
        sums(co, g, x, y, n, i, j) = written(j, [&](int row) {
            return written(
                i, [&](int column) -> Expr { return products(co, g, x, y, n, column, row); });
        });
        const Expr sum = sums(co, g, x / kTile, y / kTile, n, x % kTile, y % kTile);
        out(co, g, x, y, n) =
            floored(bias(co % panel, co / panel, g) + sum, floor, Halide::Float(32));
    }

private:
    /// Row `i` of B^T times d.
    template<typename Pixel>
    static Halide::Expr read(const Halide::Expr &i, Pixel d) {
        return select(i == 0, d(0) - d(2), i == 1, d(1) + d(2), i == 2, d(2) - d(1), d(1) - d(3));
    }
    /// Row `i` of A^T times m.
    template<typename Product>
    static Halide::Expr written(const Halide::Expr &i, Product m) {
        return select(i == 0, m(0) + m(1) + m(2), m(1) - m(2) - m(3));
    }
};

}  // namespace convwright
