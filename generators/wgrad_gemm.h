// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/wgrad_pixels.h"

namespace convwright {

/// wgrad as a matrix product, output channels by filter elements, over parts of the pixels:
///   partial(e,co,e_o,co_o,slice) = sum of grad(co_o * tile.co + co, p) * patch(e_o * tile.e + e, p)
/// of group slice % groups over the pixels p of part slice / groups, which are `chunks` chunks of
/// `chunk`. Filter elements and not input channels at one tap: 7x7 filters of 3 channels are 147
/// elements, and would be 49 tiles of which 3 in 64 columns are used.
/// Innermost first: grad_output (co,g,ow,oh,n), input (ci,g,iw,ih,n).
struct WgradGemm {
    Halide::Var co{"co"}, e{"e"}, co_o{"co_o"}, e_o{"e_o"}, slice{"slice"}, p{"p"};
    Halide::RVar r_p, r_chunk;
    /// (co, p, co_o, slice), (e, p, e_o, slice), and twice (e, co, e_o, co_o, slice).
    Halide::Func grad{"grad"}, patch{"patch"}, sum{"sum"}, partial{"partial"};

    WgradGemm(const Halide::Func &grad_output, const Halide::Func &input, const WgradPixels &px,
              const FastDivision &groups, const WgradTile &tile, const Halide::Expr &chunks,
              int chunk) {
        const Halide::Expr part = groups.quotient(slice), g = groups.remainder(slice, part);
        const Halide::Expr pixel = part * chunks * chunk + p;
        grad(co, p, co_o, slice) = px.gradient(grad_output, co_o * tile.co, co, g, pixel);
        patch(e, p, e_o, slice) = px.patch(input, e_o * tile.e + e, g, pixel);
        const Halide::RDom r(0, chunk, 0, chunks, "r");
        r_p = r[0], r_chunk = r[1];
        const Halide::Expr at = r_chunk * chunk + r_p;
        sum(e, co, e_o, co_o, slice) = 0.0f;
        sum(e, co, e_o, co_o, slice) += grad(co, at, co_o, slice) * patch(e, at, e_o, slice);
        partial(e, co, e_o, co_o, slice) = sum(e, co, e_o, co_o, slice);
    }
};

}  // namespace convwright
