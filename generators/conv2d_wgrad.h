// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "generators/conv_geometry.h"

namespace convwright {

/// How wgrad cuts its sum over all output pixels. A chunk is `rows` rows of `images` images; a part
/// is `bands` chunks down the rows times `blocks` chunks along the batch. All four depend on the
/// problem alone, never on the number of threads, so every thread count gives the same bits.
struct WgradPartition {
    Halide::Expr rows, images, bands, blocks;
};

/// Gradient of the weight (wgrad), one partial sum per part (py, pn):
///   sum(co,ci,kx,ky,g, chunk) = sum_{x,y,n in chunk}
///       grad(co,g,x,y,n) * padded(ci, g, x*stride+kx*dilation, y*stride+ky*dilation, n)
///   partial(l,ci,kx,ky,q,other,py,pn) = sum over the chunks of the part,
/// in panels of `panel` lanes: q * panel + l is the output channel and `other` the group or, with `group`
/// channels in a group (0: any), q * panel + l counts the channels of all groups and `other` is 0. Panels keep all of a weight's rows in reach of the
/// prefetcher when a second, small pass (WgradReduce) adds the parts in their order.
/// Without padding and with masked padding nothing is staged: both operands are read in place. Where the
/// gradient is, the last panel moves back over its neighbour to end with the last output channel or group.
/// Innermost first: grad_output (co,g,ow,oh,n), input (ci,g,iw,ih,n). With `pixel_channels`, of each pixel of the
/// gradient, its rows too are taken for a single channel: grad_output (1,1,ow * pixel_channels,oh,n).
struct Conv2dWgrad {
    Halide::Var co{"co"}, ci{"ci"}, g{"g"}, x{"x"}, y{"y"}, n{"n"}, kx{"kx"}, ky{"ky"};
    Halide::Var l{"l"}, q{"q"}, other{"other"}, py{"py"}, pn{"pn"}, band{"band"}, block{"block"};
    Halide::RVar r_band, r_block, r_x, r_y, r_n;
    FrameLoops frame;                ///< Of the updates that fill `padded`,
    Halide::RVar r_spare, r_column;  ///< and of those that fill `grad`.
    Halide::Expr gradient_channels;  ///< Of a group.
    Halide::Expr frame_pixels;       ///< Of the padded input of a chunk, about.
    Halide::Func pixels{"pixels"};   ///< What is read in place, under its mask.
    Halide::Func padded{"padded"}, grad{"grad"}, sum{"sum"}, partial{"partial"};

    Conv2dWgrad(Halide::Func grad_output, Halide::Func input, const ConvGeometry &geo,
                Halide::Expr ow, Halide::Expr oh, Halide::Expr batch, const WgradPartition &cut,
                Halide::Expr frame_columns, int panel, int group, bool whole_pixels,
                bool copy_gradient, const Halide::Expr &pixel_channels = {}) {
        gradient_channels = geo.co;
        // With the halo of filters of three rows: their sizes are those of the output, unknown to schedules.
        frame_pixels = ow * geo.stride_x * (cut.rows * geo.stride_y + 2) * cut.images;
        Halide::RDom r(0, ow, 0, cut.rows, 0, cut.images, "r");
        r_x = r[0], r_y = r[1], r_n = r[2];
        const Halide::Expr gy = band * cut.rows + r_y, gn = block * cut.images + r_n;
        r.where(likely(gy < oh));
        r.where(gn < batch);
        const Halide::Expr in_x = r_x * geo.stride_x + kx * geo.dilation_x;
        const Halide::Expr in_y = gy * geo.stride_y + ky * geo.dilation_y;
        const Halide::Expr inside_y = unsafe_promise_clamped(gy, 0, oh - 1);
        const Halide::Expr inside_n = unsafe_promise_clamped(gn, 0, batch - 1);
        Halide::Expr pixel, gradient;
        if (geo.padding != Padding::kFrame) {
            if (geo.padding == Padding::kMasked) {
                // Rows outside add nothing: the loop over rows is trimmed to those a tap row meets.
                if (!whole_pixels) r.where(rows_inside(geo, in_y));
                pixels(ci, g, x, y, n) = whole_pixels ? masked_pixel(input, geo, ci, g, x, y, n)
                                                      : masked_column(input, geo, ci, g, x, y, n);
                pixel = pixels(ci, g, in_x, in_y, inside_n);
            } else {
                pixel = to_float(input(ci, g, in_x, inside_y * geo.stride_y, inside_n));
            }
        } else {
            // Channels behind the last one are zeros: they fill up register tiles, and the reduction
            // pass drops what they sum to. A clamp in their place would be a gather.
            frame = fill_frame(padded, input, geo, frame_columns, ci, g, x, y, n, true);
            pixel = padded(ci, g, in_x, in_y, gn);
        }
        if (pixel_channels.defined()) {
            // Lanes behind the last channel are other pixels, or zeros behind the last one.
            const Halide::RDom column(0, ow * pixel_channels, "column");
            const Halide::RDom spare(ow * pixel_channels, panel, "spare");
            grad(co, g, x, y, n) = Halide::undef<float>();
            grad(co, g, spare, y, n) = 0.0f;
            grad(co, g, column, y, n) = to_float(grad_output(co, g, column, y, n));
            r_spare = spare;
            r_column = column;
            gradient = grad(0, g, r_x * pixel_channels + co, gy, gn);
        } else if (copy_gradient) {
            // Zeros only where the last panel is not full.
            Halide::RDom column(0, ow, "column");
            Halide::RDom spare(0, select(geo.co % panel == 0, 0, ow), "spare");
            column.where(likely(co < geo.co));
            grad(co, g, x, y, n) = Halide::undef<float>();
            grad(co, g, spare, y, n) = 0.0f;
            grad(co, g, column, y, n) =
                to_float(grad_output(unsafe_promise_clamped(co, 0, geo.co - 1),
                                     clamp(g, 0, geo.groups - 1), column, y, n));
            r_spare = spare;
            r_column = column;
            gradient = grad(co, g, r_x, gy, gn);
        } else {
            gradient = to_float(grad_output(co, g, r_x, inside_y, inside_n));
        }
        sum(co, ci, kx, ky, g, band, block) = 0.0f;
        sum(co, ci, kx, ky, g, band, block) += gradient * pixel;

        // Two loops, not one over chunks with a modulus: bounds inference takes a modulus of a
        // loop variable for the whole range and would stage the whole image for every chunk.
        Halide::RDom rc(0, cut.bands, 0, cut.blocks, "rc");
        r_band = rc[0], r_block = rc[1];
        // In place the last panel of the gradient moves back, by whole groups.
        const int unit = std::max(group, 1), step = panel / unit;
        const Halide::Expr count = group == 0 ? geo.co : geo.groups;
        const Halide::Expr first = copy_gradient ? q * step : min(q * step, count - step);
        const Halide::Expr lane = first + l / unit;
        const Halide::Expr channel = group == 0 ? lane : Halide::Expr(l % unit);
        const Halide::Expr of_group = group == 0 ? Halide::Expr(other) : lane;
        partial(l, ci, kx, ky, q, other, py, pn) = 0.0f;
        partial(l, ci, kx, ky, q, other, py, pn) +=
            sum(channel, ci, kx, ky, of_group, py * cut.bands + r_band, pn * cut.blocks + r_block);
    }
};

}  // namespace convwright
