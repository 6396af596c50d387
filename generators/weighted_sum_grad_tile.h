// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/output_tasks.h"
#include "generators/tile_grid.h"
#include "schedules/weighted_sum_grad_cuda_params.h"

namespace convwright {

/// Gradients of a weighted sum, tile by tile of the input:
///   dz(co, x, y, n) = sum over the taps kx, ky for which both quotients are whole and inside of
///       grad(co, (x + pad_x - kx) / stride, (y + pad_y - ky) / stride, n) * depthwise(co, kx, ky)
///   out(ci, x, y, n) = sum_co dz(co, x, y, n) * pointwise(co, ci)
/// and `middle`, dz as it is, where a buffer of its channels is given; one without channels takes nothing.
/// z has no more than params.middle channels.
struct WeightedSumGradTiles {
    using P = WeightedSumGradCudaParams;

    Halide::Var v{"v"}, i{"i"}, c{"c"}, k{"k"}, s{"s"}, block{"block"};
    Halide::Var lane{"lane"}, strip{"strip"}, g{"g"}, x{"x"}, y{"y"}, n{"n"};
    Halide::RVar r_jx, r_jy, r_k, r_turn;
    /// A scatter's loops, innermost first.
    struct Loops {
        Halide::RVar v, i, turn, lane, strip, block;
    };
    Loops out_loops, middle_loops;  ///< out's has no turns.
    /// (c, s, block), (c, i, strip, block) twice, (c, k, block), (v, i, lane, strip, block),
    /// (g, x, y, n) twice.
    Halide::Func grads{"grads"}, sum{"sum"}, dz{"dz"}, panel{"panel"}, mixed{"mixed"};
    Halide::Func middle{"middle"}, out{"out"};

    /// Run-time values.
    struct Sizes {
        Halide::Expr ci, co, middle;  ///< middle: channels of the buffer that takes dz, co or 0.
        Halide::Expr iw, ih, ow, oh, pad_x, pad_y;
    };

    /// grad (co, x, y, n), pointwise (co, ci), depthwise (co, kx, ky).
    WeightedSumGradTiles(const Halide::Func &grad, const Halide::Func &pointwise,
                         const Halide::Func &depthwise, const Sizes &sizes, const TileGrid &grid,
                         const P &params) {
        using Halide::Expr;
        const int stride = params.stride, taps = params.taps, vec = params.vec;
        const TileGrid::Tile of = grid.place(block);

        // The first position that a tap of the tile's first pixel meets, whole strides from the image's.
        const auto first_met = [&](const Expr &tile, int size, const Expr &pad) {
            return tile * (size / stride) + pad / stride - (params.met() - 1);
        };
        const Expr sx = first_met(of.x, params.columns, sizes.pad_x) + s % params.grad_columns();
        const Expr sy = first_met(of.y, params.rows, sizes.pad_y) + s / params.grad_columns();
        const Expr inside = sx >= 0 && sx < sizes.ow && sy >= 0 && sy < sizes.oh;
        // All channels of a vector exist or none does.
        grads(c, s, block) = select(inside && c / vec * vec < sizes.co,
                                    grad(promised(c, sizes.co), promised(sx, sizes.ow),
                                         promised(sy, sizes.oh), promised(of.n, grid.images)),
                                    0.0f);

        const int strips = params.columns / params.strip;
        const Expr x_in_tile = strip % strips * params.strip, y_in_tile = strip / strips;
        Halide::RDom r(0, params.met(), 0, params.met(), "taps");
        r_jx = r[0], r_jy = r[1];
        const Expr at_x = i + sizes.pad_x % stride, at_y = y_in_tile + sizes.pad_y % stride;
        const Expr kx = at_x % stride + r_jx * stride, ky = at_y % stride + r_jy * stride;
        // Not a product with zero: what is behind the taps may be no number.
        if (taps % stride != 0) r.where(kx < taps && ky < taps);
        const Expr last = params.met() - 1;
        const Expr met = (at_y / stride + last - r_jy) * params.grad_columns() +
                         x_in_tile / stride + at_x / stride + last - r_jx;
        sum(c, i, strip, block) = 0.0f;
        sum(c, i, strip, block) += grads(c, promised(met, params.grad_pixels()), block) *
                                   depthwise(promised(min(c, sizes.co - 1), sizes.co),
                                             promised(kx, taps), promised(ky, taps));
        dz(c, i, strip, block) = select(c < sizes.co, sum(c, i, strip, block), 0.0f);

        const Expr ci = of.c * params.channels + c;
        panel(c, k, block) = select(k < sizes.co && ci < sizes.ci,
                                    pointwise(promised(k, sizes.co), promised(ci, sizes.ci)), 0.0f);
        const Halide::RDom mix(0, params.chunk, 0, tiles_of(sizes.co, params.chunk), "mix");
        r_k = mix[0], r_turn = mix[1];
        const Expr summed = promised(r_turn * params.chunk + r_k, params.middle);
        mixed(v, i, lane, strip, block) = 0.0f;
        mixed(v, i, lane, strip, block) +=
            dz(summed, i, strip, block) * panel(lane * P::kVector + v, summed, block);

        // Scatters, whose loops stand in the order in which they run. Both have loops of the same names, or no
        // schedule could compute them with each other.
        const Halide::RDom stored(0, P::kVector, 0, params.strip, 0,
                                  params.middle / params.channels, 0, params.lanes(), 0,
                                  params.strips(), 0, grid.blocks(), "to");
        std::vector<Halide::Internal::ReductionVariable> loops = stored.domain().domain();
        Halide::RDom of_middle{Halide::Internal::ReductionDomain(loops)};
        loops[2].extent = 1;
        Halide::RDom of_out{Halide::Internal::ReductionDomain(loops)};
        const auto scatter = [&](Halide::Func to, Halide::RDom &all, const Loops &l,
                                 const Expr &block_c, const Expr &extent, const Expr &asked,
                                 const Expr &value) {
            const TileGrid::Tile at = grid.place(l.block);
            const Expr to_x = at.x * params.columns + l.strip % strips * params.strip + l.i;
            const Expr to_y = at.y * params.rows + l.strip / strips;
            const Expr lane_c = block_c * params.channels + l.lane * P::kVector;
            const Expr first_c = vec > 1 ? lane_c : lane_c + l.v;  // all of a vector or none
            all.where(asked && first_c < extent && to_x < sizes.iw && to_y < sizes.ih);
            to(g, x, y, n) = Halide::undef<float>();
            to(promised(lane_c + l.v, extent), promised(to_x, sizes.iw), promised(to_y, sizes.ih),
               promised(at.n, grid.images)) = value;
        };
        const Loops &m = middle_loops = loops_of(of_middle);
        scatter(middle, of_middle, m, m.turn, sizes.middle, grid.place(m.block).c == 0,
                dz(m.turn * params.channels + m.lane * P::kVector + m.v, m.i, m.strip, m.block));
        const Loops &o = out_loops = loops_of(of_out);
        scatter(out, of_out, o, grid.place(o.block).c, sizes.ci, Halide::Internal::const_true(),
                mixed(o.v, o.i, o.lane, o.strip, o.block));
    }

private:
    static Loops loops_of(const Halide::RDom &r) { return {r[0], r[1], r[2], r[3], r[4], r[5]}; }
};

}  // namespace convwright
