// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/wgrad_pixels.h"

namespace convwright {

/// wgrad as a matrix product, output channels by filter elements, over parts of the pixels:
///   partial(e,co,g,part) = sum of grad(co,g,p) * patch(e,g,p) over the pixels p of the part,
/// which are `chunks` chunks of `chunk` from part * chunks * chunk on. Filter elements and not input
/// channels at one tap: 7x7 filters of 3 channels are 147 elements, and would be 49 tiles of which
/// 3 in 64 columns are used.
/// Innermost first: grad_output (co,g,ow,oh,n), input (ci,g,iw,ih,n).
struct WgradGemm {
    Halide::Var co{"co"}, e{"e"}, g{"g"}, p{"p"}, part{"part"};
    Halide::RVar r_p, r_chunk;
    /// (co, p, g), (e, p, g), and twice (e, co, g, part).
    Halide::Func grad{"grad"}, patch{"patch"}, sum{"sum"}, partial{"partial"};

    WgradGemm(const Halide::Func &grad_output, const Halide::Func &input, const WgradPixels &px,
              const Halide::Expr &chunks, int chunk) {
        grad(co, p, g) = px.gradient(grad_output, co, g, p);
        patch(e, p, g) = px.patch(input, e, g, p);
        const Halide::RDom r(0, chunk, 0, chunks, "r");
        r_p = r[0], r_chunk = r[1];
        const Halide::Expr at = (part * chunks + r_chunk) * chunk + r_p;
        sum(e, co, g, part) = 0.0f;
        sum(e, co, g, part) += grad(co, at, g) * patch(e, at, g);
        partial(e, co, g, part) = sum(e, co, g, part);
    }
};

}  // namespace convwright
