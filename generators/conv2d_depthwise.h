// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/depthwise_strips.h"

namespace convwright {

/// Depthwise 2-D convolution, forward, on a GPU; dgrad is this sum over another weight:
///   out(g, x, y, n) = max(floor, bias(g) + sum_{kx,ky} padded(g, x * stride + kx, y * stride_y +
///                     ky * dilation_y, n) * weight(g, kx, ky)), NaN stays one
/// A block has the tile's channels and one strip for each thread along them. Its taps lie in shared
/// memory: a weight lies tap by tap, and neighbouring threads have neighbouring channels. No bias is
/// one of extent 0. Taps along y are at most `most_taps_y`.
struct Conv2dDepthwise {
    Halide::Var v{"v"}, i{"i"}, k{"k"}, c{"c"}, kx{"kx"}, ky{"ky"};
    Halide::Var lane{"lane"}, strip{"strip"}, block{"block"};
    Halide::Var g{"g"}, x{"x"}, y{"y"}, n{"n"};
    Halide::RVar r_kx, r_ky;
    /// Of the update of out, innermost first.
    Halide::RVar out_v, out_i, out_lane, out_strip, out_block;
    /// (channel of the block, kx, ky, block), (v, column, ky, lane, strip, block), (v, i, lane, strip,
    /// block), (g, x, y, n).
    Halide::Func tap{"tap"}, column{"column"}, sum{"sum"}, out{"out"};

    /// `tiles`: of channels, which run faster than strips. `strips_of_block`: of one vector.
    Conv2dDepthwise(const Halide::Func &input, const Halide::Func &weight, const Halide::Func &bias,
                    const Halide::Expr &bias_extent, const Halide::Expr &floor,
                    const ConvGeometry &geo, const DepthwiseStrips &s, const FastDivision &tiles,
                    const DepthwiseTile &t, int strips_of_block, int most_taps_y) {
        const auto number_of = [&](const Halide::Expr &b, const Halide::Expr &in_block) {
            return tiles.quotient(b) * strips_of_block + in_block;
        };
        const auto vector_of = [&](const Halide::Expr &b, const Halide::Expr &l) {
            return tiles.remainder(b, tiles.quotient(b)) * t.lanes() + l;
        };
        tap(c, kx, ky, block) = weight(s.channel(vector_of(block, c / t.vec), c % t.vec, t.vec), kx,
                                       promised(min(ky, geo.kh - 1), geo.kh));
        const DepthwiseStrips::Place from = s.place(number_of(block, strip));
        column(v, k, ky, lane, strip, block) =
            depthwise_pixel(input, geo, s.channel(vector_of(block, lane), v, t.vec),
                            from.strip * (t.pixels * t.stride) + k,
                            from.row * geo.stride_y + ky * geo.dilation_y, from.image);
        const Halide::RDom r(0, t.taps, 0, geo.kh, "r");
        r_kx = r[0], r_ky = r[1];
        sum(v, i, lane, strip, block) = 0.0f;
        sum(v, i, lane, strip, block) +=
            column(v, i * t.stride + r_kx, r_ky, lane, strip, block) *
            tap(lane * t.vec + v, r_kx, promised(r_ky, most_taps_y), block);

        // A scatter, whose loops stand in the order in which they run: dgrad writes every second pixel.
        const Halide::Expr all = s.strips.divisor * s.rows.divisor * s.images;
        const Halide::Expr blocks = tiles.divisor * ((all + strips_of_block - 1) / strips_of_block);
        Halide::RDom to(0, t.vec, 0, t.pixels, 0, t.lanes(), 0, strips_of_block, 0, blocks, "to");
        out_v = to[0], out_i = to[1], out_lane = to[2], out_strip = to[3], out_block = to[4];
        const DepthwiseStrips::Place at = s.place(number_of(out_block, out_strip));
        const Halide::Expr vector = vector_of(out_block, out_lane);
        const Halide::Expr pixel = at.strip * t.pixels + out_i;
        to.where(at.exists && vector < s.channels && pixel < s.columns);
        const Halide::Expr channel = s.channel(vector, out_v, t.vec);
        out(g, x, y, n) = Halide::undef<float>();
        out(channel, promised(pixel, s.columns), at.row, at.image) = conv_epilogue(
            sum(out_v, out_i, out_lane, out_strip, out_block), bias, bias_extent, channel, floor);
    }
};

}  // namespace convwright
