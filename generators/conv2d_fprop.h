// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv_geometry.h"

namespace convwright {

/// The sum over taps and channels of a convolution and what is stored of it: the part that schedules
/// of register tiles see, whatever the product.
struct ConvSum {
    Halide::Var co{"co"}, ci{"ci"}, g{"g"}, x{"x"}, y{"y"}, n{"n"};
    Halide::RVar r_ci, r_kx, r_ky;
    Halide::Func conv{"conv"}, out{"out"};
};

/// A sum as it is stored: not below `floor`; a NaN stays one.
inline Halide::Expr floored(const Halide::Expr &sum, const Halide::Expr &floor,
                            const Halide::Type &stored) {
    // Strict, or the comparison may assume that there is no NaN and make a maximum that loses it.
    return to_stored(Halide::strict_float(select(sum < floor, floor, sum)), stored);
}

/// Direct 2-D convolution, forward (fprop). Algorithm only: no directive, no target question.
///   out(co,g,x,y,n) = max(floor, bias(co,g) +
///       sum_{ci,kx,ky} padded(ci, g, x*stride+kx*dilation, ..., n) * weight(co, ci, kx, ky, g))
/// Cross-correlation, as torch.nn.Conv2d; padded(ci,g,x,y,n) = input(ci,g,x-pad,y-pad,n), 0 outside.
/// Innermost first: input (ci,g,iw,ih,n), out (co,g,ow,oh,n). The memory format is a matter of
/// strides alone: channels_last has ci and co dense, contiguous has x dense. Sums are float32.
/// Packed operands hold panels of `panel` output channels, zero-filled behind the last one:
/// weight (co % panel, ci, kx, ky, co / panel, g), bias (co % panel, co / panel, g).
/// `stored` is the type of out (generators/stored_values.h).
/// `floor` is 0 for a ReLU, else -infinity. A NaN stays one, as in torch.relu.
///
/// dgrad is this same sum over another packing of the weight: docs/adr/0001.
struct Conv2dFprop : ConvSum {
    FrameLoops frame;  ///< Of the updates that fill `padded` or `columns`.
    Halide::Var kx{"kx"};
    Halide::Func pixels{"pixels"};  ///< What is read in place, under its mask.
    Halide::Func padded{"padded"}, columns{"columns"};

    Conv2dFprop(Halide::Func input, Halide::Func weight, Halide::Func bias, Halide::Expr floor,
                const ConvGeometry &geo, int panel, Halide::Type stored) {
        Halide::RDom r(0, geo.ci, 0, geo.kw, 0, geo.kh, "r");
        r_ci = r[0], r_kx = r[1], r_ky = r[2];
        const Halide::Expr px = x * geo.stride_x + r_kx * geo.dilation_x;
        const Halide::Expr py = y * geo.stride_y + r_ky * geo.dilation_y;
        conv(co, g, x, y, n) = bias(co % panel, co / panel, g);
        Halide::Expr pixel;
        if (geo.padding == Padding::kMasked) {
            // Rows outside add nothing: the loop over taps is trimmed to the rows that exist.
            r.where(rows_inside(geo, py));
            pixels(ci, g, x, y, n) = masked_column(input, geo, ci, g, x, y, n);
            pixel = pixels(r_ci, g, px, py, n);
        } else {
            if (geo.padding == Padding::kGathered) {
                // Register tiles run over the last column here too.
                const Halide::RDom all(0, geo.tiled_ow, "all");
                columns(ci, g, x, kx, y, n) = Halide::undef<float>();
                columns(ci, g, all, kx, y, n) =
                    zero_padded(input, geo, ci, g, all * geo.stride_x + kx * geo.dilation_x, y, n);
                frame.all = all;
            } else {
                if (geo.padding == Padding::kFrame) {
                    const Halide::Expr read =
                        (geo.tiled_ow - 1) * geo.stride_x + (geo.kw - 1) * geo.dilation_x + 1;
                    frame = fill_frame(padded, input, geo, read, ci, g, x, y, n);
                } else {
                    padded(ci, g, x, y, n) = to_float(input(ci, g, x, y, n));
                }
                columns(ci, g, x, kx, y, n) =
                    padded(ci, g, x * geo.stride_x + kx * geo.dilation_x, y, n);
            }
            pixel = columns(r_ci, g, x, r_kx, py, n);
        }
        conv(co, g, x, y, n) += pixel * weight(co % panel, r_ci, r_kx, r_ky, co / panel, g);
        out(co, g, x, y, n) = floored(conv(co, g, x, y, n), floor, stored);
    }
};

}  // namespace convwright
