// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "generators/conv2d_gemm.h"

namespace convwright {

/// How a sum of a convolution of packed bytes is made up.
struct ByteSum {
    /// `sum` and what two words of four bytes add to it; all uint32, which wraps around.
    std::function<Halide::Expr(const Halide::Expr &sum, const Halide::Expr &pixel,
                               const Halide::Expr &weight)>
        add;
    FastDivision fours;       ///< Fours of words of a tap of a term.
    FastDivision turns;       ///< Chunks of a term, which run faster than terms.
    Halide::Func steps;       ///< (term): bits by which the sum before it is shifted; or undefined.
    Halide::Expr last_shift;  ///< By so many bits the sum of all terms is shifted.
    Halide::Expr constant;    ///< Added to each sum.
    Halide::Expr taps, terms;  ///< Of a filter, of the table.
    Halide::Expr outside;      ///< The pixel that stands for what lies outside of the images.
};

/// Convolution of bytes, forward, as the matrix product of Conv2dGemm over packed words:
///   sum(co, p, g) = sum over terms t, greatest shift first, of (sum_k pixel(t, k, p, g) * weight(t, k, co, g))
///                   << shift(t)
///   out(co, g, x(p), y(p), n(p)) = sum(co, p, g) + constant, modulo 2^32
/// with any product of two words in the place of *. k runs over (words, kx, ky) of a term, words fastest,
/// in whole chunks; behind the last one pixels are zeros, and so must packed weights be there.
/// pixels (word of all terms, g, pixel of all images), of which one more than there are stands for all
/// that lies outside of the images; weight (co % co_tile, k of all terms, co / co_tile, g).
struct ByteGemm : Conv2dGemm {
    /// geo.ci does not count.
    ByteGemm(const Halide::Func &words, const Halide::Func &weight, const ByteSum &b,
             const ConvGeometry &geo, const GemmShape &s) {
        using Halide::Expr;
        const Halide::RDom r(0, s.chunk, 0, s.turns, "r");
        r_i = r[0], r_turn = r[1];
        define_words(words, b, geo, s);
        panel(c, i, turn, block, g) = weight(c, turn * s.chunk + i, co_tile(block, s), g);
        conv(c, p, block, g, part) = Expr(uint32_t{0});
        Expr sum = conv(c, p, block, g, part);
        if (b.steps.defined()) {
            // Before the first word of a term; of a loop that is unrolled one turn has the shift.
            const Expr term = b.turns.quotient(r_turn);
            const Expr begins = b.turns.remainder(r_turn, term) == 0;
            const Expr step = select(begins, b.steps(promised(term, b.terms)), 0);
            sum = select(r_i == 0, sum << Halide::cast<uint32_t>(step), sum);
        }
        conv(c, p, block, g, part) =
            b.add(sum, pixels(r_i % s.vec, r_i / s.vec, p, r_turn, block, g),
                  panel(c, r_i, r_turn, block, g));
        store_output(geo, s, [&](const Expr &total, const Expr &) {
            const Expr shifted =
                b.steps.defined() ? total << Halide::cast<uint32_t>(b.last_shift) : total;
            return Halide::reinterpret<int32_t>(shifted + Halide::cast<uint32_t>(b.constant));
        });
    }

private:
    void define_words(const Halide::Func &words, const ByteSum &b, const ConvGeometry &geo,
                      const GemmShape &s) {
        using Halide::Expr;
        const Expr term = b.turns.quotient(turn);
        const Expr four = b.turns.remainder(turn, term) * (s.chunk / s.vec) + i;
        const Expr tap = b.fours.quotient(four), in_tap = b.fours.remainder(four, tap);
        const Expr ky = s.taps_x.quotient(tap), kx = s.taps_x.remainder(tap, ky);
        const Expr pixel = s.co_tiles.quotient(block) * s.tile.px + p;
        const Expr row = s.columns.quotient(pixel), image = s.rows.quotient(row);
        const Expr sx =
            s.columns.remainder(pixel, row) * geo.stride_x - geo.pad_x + kx * geo.dilation_x;
        const Expr sy =
            s.rows.remainder(row, image) * geo.stride_y - geo.pad_y + ky * geo.dilation_y;
        const Expr inside = sx >= 0 && sx < geo.iw && sy >= 0 && sy < geo.ih && pixel < s.pixels;
        const Expr source = select(inside, (image * geo.ih + sy) * geo.iw + sx, b.outside);
        const Expr from = promised(term * b.fours.divisor + in_tap, b.terms * b.fours.divisor);
        pixels(v, i, p, turn, block, g) =
            select(tap < b.taps, words(from * s.vec + v, g, promised(source, b.outside + 1)),
                   Expr(uint32_t{0}));
    }
};

}  // namespace convwright
