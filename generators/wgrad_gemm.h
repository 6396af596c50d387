// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/short_floats.h"
#include "generators/wgrad_pixels.h"

namespace convwright {

/// Strides in vectors, of vectors of channels, and of everything else by one.
struct WgradSteps {
    Halide::Expr c, g, x, y, n;  ///< x, y: output columns and rows.
    Halide::Expr kx, ky;         ///< Taps (of the input).
};

/// wgrad as a matrix product, output channels by filter elements, over parts of the pixels:
///   partial(e,co,e_o,co_o,slice) = sum of grad(co_o * tile.co + co, p) * patch(e_o * tile.e + e, p)
/// of group slice % groups over the pixels p of part slice / groups, which are `chunks` chunks of
/// `chunk`. Filter elements and not input channels at one tap: 7x7 filters of 3 channels are 147
/// elements, and would be 49 tiles of which 3 in 64 columns are used.
/// Sums are float32, also of short floats. Both operands are memory from the first pixel on, the input's in front of its padding; an address
/// is the sum of a pixel's place and an element's: of neither is anything computed twice. Of memory
/// `only` is said to be the last vector.
struct WgradGemm {
    Halide::Var co{"co"}, e{"e"}, co_o{"co_o"}, e_o{"e_o"}, slice{"slice"}, p{"p"}, step{"step"};
    Halide::RVar r_p, r_chunk;
    Halide::Func grad_place{"grad_place"}, patch_place{"patch_place"};  ///< (p, step, slice)
    /// (co, p, step, co_o, slice), (e, p, step, e_o, slice), and twice (e, co, e_o, co_o, slice).
    Halide::Func grad{"grad"}, patch{"patch"}, sum{"sum"}, partial{"partial"};

    WgradGemm(const Halide::Func &grad_output, const WgradSteps &of_grad, const Halide::Func &input,
              const WgradSteps &of_input, const WgradPixels &px, const Halide::Expr &only,
              const FastDivision &groups, const WgradTile &tile, const Halide::Expr &chunks,
              int chunk, DType dtype = DType::kF32)
        : only_(only) {
        const Halide::Expr part = groups.quotient(slice), g = groups.remainder(slice, part);
        const Halide::Expr number = (part * chunks + step) * chunk + p,
                           exists = number < px.pixels();
        const WgradPixels::Pixel at = px.pixel(number);
        const auto place = [&](const WgradSteps &by) {
            return at.x * by.x + at.y * by.y + at.n * by.n + g * by.g;
        };
        grad_place(p, step, slice) = Halide::Tuple(place(of_grad), number);
        // Behind the last pixel no column is inside.
        patch_place(p, step, slice) =
            Halide::Tuple(select(exists, at.x * px.geo.stride_x, kOutside), at.y * px.geo.stride_y,
                          place(of_input));

        const int vec = px.vec;
        const auto load = [&](const Halide::Func &from, const Halide::Expr &i,
                              const Halide::Expr &lane) {
            return from(unsafe_promise_clamped(i, 0, only_) * vec + lane);
        };
        // Channels behind the last one repeat it.
        const Halide::Expr channel = min(co_o * (tile.co / vec) + co / vec, px.geo.co / vec - 1);
        grad(co, p, step, co_o, slice) =
            select(grad_place(p, step, slice)[1] < px.pixels(),
                   load(grad_output, grad_place(p, step, slice)[0] + channel * of_grad.c, co % vec),
                   Halide::cast(stored_type(dtype), 0));
        const WgradPixels::Element element = px.element(e_o * (tile.e / vec) + e / vec);
        patch(e, p, step, e_o, slice) = select(
            px.inside(patch_place(p, step, slice)[0] + element.dx,
                      patch_place(p, step, slice)[1] + element.dy),
            load(
                input,
                patch_place(p, step, slice)[2] +
                    (element.ci * of_input.c + element.kx * of_input.kx + element.ky * of_input.ky),
                e % vec),
            Halide::cast(stored_type(dtype), 0));

        const Halide::RDom r(0, chunk, 0, chunks, "r");
        r_p = r[0], r_chunk = r[1];
        sum(e, co, e_o, co_o, slice) = 0.0f;
        sum(e, co, e_o, co_o, slice) += widened(grad(co, r_p, r_chunk, co_o, slice), dtype) *
                                        widened(patch(e, r_p, r_chunk, e_o, slice), dtype);
        partial(e, co, e_o, co_o, slice) = sum(e, co, e_o, co_o, slice);
    }

private:
    static constexpr int kOutside = -(1 << 30);
    const Halide::Expr only_;
};

}  // namespace convwright
