// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/wgrad_pixels.h"

namespace convwright {

/// wgrad element by element, for groups of any size, depthwise included; channels are counted through
/// all groups:
///   sum(e,co,s,e_o,co_o,part) = sum of grad(co_o * tile.co + co, p) * patch(e_o * tile.e + e, p)
///       over every `shares`-th pixel p of the part from its s-th on, `steps` of them,
///   partial(e,co,e_o,co_o,part) = the sum of those for s = 0, 1, ...
/// Innermost first: grad_output (co,g,ow,oh,n); input as a view by output pixel and tap that strides
/// make, (ci,g,ow,oh,n,kx,ky), of which `only` is said to be the last index of a column, row or tap.
struct WgradDirect {
    Halide::Var co{"co"}, e{"e"}, co_o{"co_o"}, e_o{"e_o"}, s{"s"}, part{"part"};
    Halide::RVar r_step, r_share;
    Halide::Func sum{"sum"}, share{"share"};  ///< The same, a thread's and everybody's.
    Halide::Func total{"total"}, partial{"partial"};

    /// `group`: output channels of a group.
    WgradDirect(const Halide::Func &grad_output, const Halide::Func &input, const WgradPixels &px,
                const Halide::Expr &only, const FastDivision &group, const WgradTile &tile,
                const Halide::Expr &steps, int shares) {
        const Halide::RDom r(0, steps, "r"), rs(0, shares, "rs");
        r_step = r, r_share = rs;
        // Channels behind the last one repeat it.
        const Halide::Expr channel = min(co_o * tile.co + co, px.geo.co * px.geo.groups - 1);
        const Halide::Expr of = group.quotient(channel);
        const Halide::Expr g = unsafe_promise_clamped(of, 0, px.geo.groups - 1);
        const Halide::Expr in_group =
            unsafe_promise_clamped(group.remainder(channel, of), 0, px.geo.co - 1);
        const Halide::Expr p = (part * steps + r_step) * shares + s;
        const WgradPixels::Pixel pixel = px.pixel(p);
        const WgradPixels::Element element = px.element(e_o * tile.e + e);
        const auto at = [](const Halide::Expr &i, const Halide::Expr &count) {
            return unsafe_promise_clamped(i, 0, count - 1);
        };
        const auto one = [&](const Halide::Expr &i) { return at(i, only + 1); };
        const Halide::Expr n = at(pixel.n, px.batch), exists = p < px.pixels();
        const Halide::Expr grad =
            grad_output(in_group, g, at(pixel.x, px.ow.divisor), at(pixel.y, px.oh.divisor), n);
        const Halide::Expr patch = input(at(element.ci, px.geo.ci), g, one(pixel.x), one(pixel.y),
                                         n, one(element.kx), one(element.ky));
        const Halide::Expr inside = px.inside(pixel.x * px.geo.stride_x + element.dx,
                                              pixel.y * px.geo.stride_y + element.dy);
        sum(e, co, s, e_o, co_o, part) = 0.0f;
        sum(e, co, s, e_o, co_o, part) +=
            select(exists, grad, 0.0f) * select(inside && exists, patch, 0.0f);
        share(e, co, s, e_o, co_o, part) = sum(e, co, s, e_o, co_o, part);
        total(e, co, e_o, co_o, part) = 0.0f;
        total(e, co, e_o, co_o, part) += share(e, co, r_share, e_o, co_o, part);
        partial(e, co, e_o, co_o, part) = total(e, co, e_o, co_o, part);
    }
};

}  // namespace convwright
