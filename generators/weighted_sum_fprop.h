// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_fprop.h"

namespace convwright {

/// Weighted-sum channel selection, forward: a pointwise convolution, then a depthwise one of it.
///   z(co,x,y,n)   = sum_ci input(ci,x,y,n) * pointwise(co,ci)
///   out(co,x,y,n) = max(floor, bias(co) + sum_{kx,ky} z(co, x*stride+kx*dilation-pad, ..., n)
///                                                     * depthwise(co,kx,ky)), z being 0 outside.
/// Both are Conv2dFprop: the pointwise step with one group, the depthwise one with one channel in
/// each of its groups. z stays float32, also between bfloat16 tensors.
struct WeightedSumFprop {
    Conv2dFprop pointwise;
    Halide::Func z{"z"};  ///< (g, x, y, n), g the channel.
    Conv2dFprop depthwise;

    /// `input` (ci, 1, iw, ih, n); weights and bias packed as Conv2dFprop has them, `panel` that of
    /// the pointwise weight. `geo` is the depthwise step's, masked; `stored` the type of out.
    WeightedSumFprop(const Halide::Func &input, Halide::Expr ci, const Halide::Func &weight,
                     const Halide::Func &depthwise_weight, const Halide::Func &bias,
                     Halide::Expr floor, const ConvGeometry &geo, int panel, Halide::Type stored)
        : pointwise(input, weight, zeros(), no_floor(), mixing(ci, geo), panel, Halide::Float(32)),
          depthwise(kept(), depthwise_weight, bias, floor, geo, 1, stored) {}

private:
    static Halide::Func zeros() {
        Halide::Var a, b, c;
        Halide::Func zero("zero");
        zero(a, b, c) = 0.0f;
        return zero;
    }
    static Halide::Expr no_floor() { return Halide::Float(32).min(); }
    static ConvGeometry mixing(Halide::Expr ci, const ConvGeometry &geo) {
        ConvGeometry mix;
        mix.ci = ci, mix.co = geo.groups, mix.groups = 1;
        mix.kw = mix.kh = mix.stride_x = mix.stride_y = mix.dilation_x = mix.dilation_y = 1;
        mix.pad_x = mix.pad_y = 0;
        mix.padding = Padding::kNone;
        return mix;
    }
    /// z as the depthwise step's input.
    Halide::Func kept() {
        Halide::Var one("one"), g("g"), x("x"), y("y"), n("n");
        z(g, x, y, n) = pointwise.conv(g, 0, x, y, n);
        Halide::Func as_groups("z_as_groups");
        as_groups(one, g, x, y, n) = z(g, x, y, n);
        return as_groups;
    }
};

}  // namespace convwright
