// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/depthwise_strips.h"

namespace convwright {

/// wgrad of a depthwise convolution on a GPU, over parts of the output pixels. A thread has all taps of
/// its channels and sums over every `shares`-th strip of a part, `steps` of them: gradient and input are
/// read once, rows that windows share from L1. The threads of a block add theirs in a fixed order:
///   sum(v,kx,ky,lane,s,tile,part) = sum over those strips of grad(c, x, y, n) *
///       padded(c, x * stride + kx, y * stride_y + ky * dilation_y, n), c channel v of vector lane,
///   partial(c,kx,ky,tile,part) = the sum of those for s = 0, 1, ...
/// Innermost first: grad_output (g,ow,oh,n), input (g,iw,ih,n).
struct WgradDepthwise {
    Halide::Var v{"v"}, k{"k"}, i{"i"}, kx{"kx"}, ky{"ky"}, c{"c"};
    Halide::Var lane{"lane"}, s{"s"}, tile{"tile"}, part{"part"}, step{"step"};
    Halide::RVar r_i, r_step, r_share;
    /// (v, i, step, lane, s, tile, part), (v, k, ky, step, lane, s, tile, part).
    Halide::Func grad{"grad"}, column{"column"};
    Halide::Func sum{"sum"}, share{"share"};  ///< The same, a thread's and everybody's.
    Halide::Func total{"total"}, partial{"partial"};

    WgradDepthwise(const Halide::Func &grad_output, const Halide::Func &input,
                   const ConvGeometry &geo, const DepthwiseStrips &strips, const DepthwiseTile &t,
                   const Halide::Expr &steps, int shares) {
        const auto place = [&](const Halide::Expr &at) {
            return strips.place((part * steps + at) * shares + s);
        };
        const auto pixel = [&](const DepthwiseStrips::Place &from, const Halide::Expr &number) {
            return from.strip * t.pixels + number;
        };
        const DepthwiseStrips::Place from = place(step);
        const Halide::Expr channel = strips.channel(tile * t.lanes() + lane, v, t.vec);
        grad(v, i, step, lane, s, tile, part) =
            grad_output(channel, promised(min(pixel(from, i), strips.columns - 1), strips.columns),
                        from.row, from.image);
        column(v, k, ky, step, lane, s, tile, part) =
            depthwise_pixel(input, geo, channel, from.strip * (t.pixels * t.stride) + k,
                            from.row * geo.stride_y + ky * geo.dilation_y, from.image);
        Halide::RDom r(0, t.pixels, 0, steps, "r");
        r_i = r[0], r_step = r[1];
        // Not as zeros of the gradient: the input may be infinite where no pixel meets it.
        const DepthwiseStrips::Place of = place(r_step);
        r.where(of.exists && pixel(of, r_i) < strips.columns);
        sum(v, kx, ky, lane, s, tile, part) = 0.0f;
        sum(v, kx, ky, lane, s, tile, part) +=
            grad(v, promised(r_i, t.pixels), r_step, lane, s, tile, part) *
            column(v, promised(r_i, t.pixels) * t.stride + kx, ky, r_step, lane, s, tile, part);
        share(v, kx, ky, lane, s, tile, part) = sum(v, kx, ky, lane, s, tile, part);
        const Halide::RDom rs(0, shares, "rs");
        r_share = rs;
        total(c, kx, ky, tile, part) = 0.0f;
        total(c, kx, ky, tile, part) += share(c % t.vec, kx, ky, c / t.vec, r_share, tile, part);
        partial(c, kx, ky, tile, part) = total(c, kx, ky, tile, part);
    }
};

}  // namespace convwright
