// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "generators/conv2d_fprop.h"

namespace convwright {

/// Conv2dFprop of folded rows (runtime/conv_pass.h) for fewer output channels than a vector has lanes: the
/// lanes are taps and input channels of a row, and their sums are added up once for each output.
///   part(l,co,x,y,n) = sum_{q,ky} padded(x*stride + q*lanes + l, y*stride+ky*dilation, n) *
///                                 weight(l, co, q, ky)
/// where the last vector of a row has zeros in the place of pixels behind its last tap: times a weight of zero a
/// NaN or an infinity there would be a NaN.
///   out(co,x,y,n) = max(floor, bias(co) + sum_l part(l,co,x,y,n)), by halves
/// Packed operands: weight (tap % lanes, co, tap / lanes, ky, 0, 0), zero-filled behind the last tap of a
/// row; bias (co % panel, co / panel, 0).
struct Conv2dSummed : ConvSum {
    FrameLoops frame;  ///< Of the updates that fill `padded`.
    Halide::Var l{"l"};
    Halide::RVar r_q, r_row, last_row;
    Halide::Func padded{"padded"}, part{"part"};
    std::vector<Halide::Func> halves;  ///< Sums of half as many lanes as the one before.

    /// `row_vectors`: extent of q. `row_taps`: taps and input channels of a row.
    Conv2dSummed(Halide::Func input, Halide::Func weight, Halide::Func bias, Halide::Expr floor,
                 const ConvGeometry &geo, const Halide::Expr &row_vectors,
                 const Halide::Expr &row_taps, int panel, int lanes, Halide::Type stored) {
        const Halide::Expr last = row_vectors - 1;
        const Halide::RDom r(0, last, 0, geo.kh, "r"), r_last(0, geo.kh, "r_last");
        r_q = r[0], r_row = r[1], last_row = r_last;
        const Halide::Expr read = (geo.tiled_ow - 1) * geo.stride_x + row_vectors * lanes;
        frame = fill_frame(padded, input, geo, read, ci, g, x, y, n);
        part(l, co, g, x, y, n) = 0.0f;
        const auto pixel = [&](const Halide::Expr &q, const Halide::Expr &row) -> Halide::Expr {
            return padded(0, g, x * geo.stride_x + q * lanes + l,
                          y * geo.stride_y + row * geo.dilation_y, n);
        };
        part(l, co, g, x, y, n) += pixel(r_q, r_row) * weight(l, co, r_q, r_row, 0, g);
        part(l, co, g, x, y, n) +=
            select(last * lanes + l < row_taps, pixel(last, last_row), 0.0f) *
            weight(l, co, last, last_row, 0, g);
        Halide::Func sums = part;
        for (int width = lanes / 2; width >= 1; width /= 2) {
            Halide::Func half("sums" + std::to_string(width));
            half(l, co, g, x, y, n) = sums(l, co, g, x, y, n) + sums(l + width, co, g, x, y, n);
            halves.push_back(half);
            sums = half;
        }
        conv(co, g, x, y, n) = bias(co % panel, co / panel, g) + sums(0, co, g, x, y, n);
        out(co, g, x, y, n) = floored(conv(co, g, x, y, n), floor, stored);
    }
};

}  // namespace convwright
