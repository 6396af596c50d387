// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/wgrad_pixels.h"

namespace convwright {

/// wgrad element by element, for groups of any size, depthwise included: c counts the output channels
/// of all groups,
///   sum(c,e,s,part) = sum of grad(c,p) * patch(c,e,p) over every `shares`-th pixel p of the part from
///                     its s-th on, `steps` of them,
///   partial(c,e,part) = sum(c,e,0,part) + sum(c,e,1,part) + ...
/// Innermost first: grad_output (co,g,ow,oh,n), input (ci,g,iw,ih,n).
struct WgradDirect {
    Halide::Var c{"c"}, e{"e"}, s{"s"}, g{"g"}, part{"part"};
    Halide::RVar r_step, r_share;
    Halide::Func sum{"sum"}, share{"share"};  ///< The same, a thread's and everybody's.
    Halide::Func total{"total"}, partial{"partial"};

    /// `group`: output channels of a group.
    WgradDirect(const Halide::Func &grad_output, const Halide::Func &input, const WgradPixels &px,
                const FastDivision &group, const Halide::Expr &steps, int shares) {
        const Halide::RDom r(0, steps, "r"), rs(0, shares, "rs");
        r_step = r, r_share = rs;
        const Halide::Expr of = group.quotient(min(c, px.geo.co * px.geo.groups - 1));
        const Halide::Expr co = unsafe_promise_clamped(group.remainder(c, of), 0, px.geo.co - 1);
        const Halide::Expr p = (part * steps + r_step) * shares + s;
        sum(c, e, s, part) = 0.0f;
        sum(c, e, s, part) += px.gradient(grad_output, co, of, p) * px.patch(input, e, of, p);
        share(c, e, s, part) = sum(c, e, s, part);
        total(c, e, part) = 0.0f;
        total(c, e, part) += share(c, e, r_share, part);
        // One group, for the signature of the matrix product.
        partial(e, c, g, part) = total(c, e, part);
    }
};

}  // namespace convwright
