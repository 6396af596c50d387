// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv_geometry.h"
#include "generators/output_tasks.h"
#include "generators/tile_grid.h"
#include "schedules/weighted_sum_cuda_params.h"

namespace convwright {

/// Weighted-sum channel selection, forward, tile by tile of the output:
///   z(c, p)     = sum_ci input(ci, p) * pointwise(c, ci), 0 outside of the image
///   out(c, x, y, n) = max(floor, bias(c) + sum_{kx,ky} z(c, x * stride + kx, y * stride + ky) *
///                     depthwise(c, kx, ky)), NaN stays one
/// p are the pixels that the taps of a tile meet, its halo included: those are computed by every tile
/// that meets them. No bias is one of extent 0.
struct WeightedSumTiles {
    using P = WeightedSumCudaParams;

    Halide::Var v{"v"}, i{"i"}, c{"c"}, p{"p"}, turn{"turn"}, block{"block"};
    Halide::Var lane{"lane"}, strip{"strip"}, g{"g"}, x{"x"}, y{"y"}, n{"n"};
    Halide::RVar r_i, r_turn, r_kx, r_ky;
    /// Of the update of out, innermost first.
    Halide::RVar out_v, out_i, out_lane, out_strip, out_block;
    /// (v, i, p, turn, block), (c, i, turn, block), (c, p, block) twice, (v, i, lane, strip, block),
    /// (g, x, y, n).
    Halide::Func pixels{"pixels"}, panel{"panel"}, mixed{"mixed"}, z{"z"}, sum{"sum"}, out{"out"};

    /// input (ci, x, y, n), pointwise (co, ci), depthwise (co, kx, ky), bias (co).
    WeightedSumTiles(const Halide::Func &input, const Halide::Func &pointwise,
                     const Halide::Func &depthwise, const Halide::Func &bias,
                     const Halide::Expr &bias_extent, const Halide::Expr &floor,
                     const ConvGeometry &geo, const Halide::Expr &columns, const Halide::Expr &rows,
                     const TileGrid &grid, const P &params) {
        using Halide::Expr;
        const TileGrid::Tile of = grid.place(block);
        // The padded column and row of a pixel of z; behind the last row are the pixels of whole threads.
        const auto column_of = [&](const Expr &pixel, const TileGrid::Tile &tile) {
            return tile.x * (params.columns * params.stride) + pixel % params.z_columns() -
                   geo.pad_x;
        };
        const auto row_of = [&](const Expr &pixel, const TileGrid::Tile &tile) {
            return tile.y * (params.rows * params.stride) + pixel / params.z_columns() - geo.pad_y;
        };
        const auto inside = [&](const Expr &column, const Expr &row) {
            return column >= 0 && column < geo.iw && row >= 0 && row < geo.ih;
        };
        const int vec = params.vec;
        const Expr sx = column_of(p, of), sy = row_of(p, of);
        const Expr first = turn * params.chunk + i * vec;
        pixels(v, i, p, turn, block) =
            select(inside(sx, sy) && first < geo.ci,
                   input(promised(first + v, geo.ci), promised(sx, geo.iw), promised(sy, geo.ih),
                         promised(of.n, grid.images)),
                   0.0f);
        const auto channel = [&](const TileGrid::Tile &tile, const Expr &one) {
            return tile.c * P::kChannels + one;
        };
        const Expr ci = turn * params.chunk + i, co = channel(of, c);
        panel(c, i, turn, block) =
            select(ci < geo.ci && co < geo.co,
                   pointwise(promised(co, geo.co), promised(ci, geo.ci)), 0.0f);
        const Halide::RDom r(0, params.chunk, 0, (geo.ci + params.chunk - 1) / params.chunk, "r");
        r_i = r[0], r_turn = r[1];
        mixed(c, p, block) = 0.0f;
        mixed(c, p, block) +=
            pixels(r_i % vec, r_i / vec, p, r_turn, block) * panel(c, r_i, r_turn, block);
        z(c, p, block) = select(inside(sx, sy), mixed(c, p, block), 0.0f);

        const int strips = params.columns / params.strip;
        const Expr x_in_tile = strip % strips * params.strip, y_in_tile = strip / strips;
        const Halide::RDom taps(0, params.taps, 0, params.taps, "taps");
        r_kx = taps[0], r_ky = taps[1];
        const Expr inner = lane * P::kVector + v;
        const Expr own = min(channel(of, inner), geo.co - 1);
        const Expr meets = (y_in_tile * params.stride + r_ky) * params.z_columns() +
                           (x_in_tile + i) * params.stride + r_kx;
        sum(v, i, lane, strip, block) = 0.0f;
        sum(v, i, lane, strip, block) += z(inner, promised(meets, params.z_pixels()), block) *
                                         depthwise(promised(own, geo.co), r_kx, r_ky);

        // A scatter, whose loops stand in the order in which they run.
        Halide::RDom to(0, P::kVector, 0, params.strip, 0, P::kLanes, 0, P::kStripThreads, 0,
                        grid.blocks(), "to");
        out_v = to[0], out_i = to[1], out_lane = to[2], out_strip = to[3], out_block = to[4];
        const TileGrid::Tile at = grid.place(out_block);
        const Expr to_x = at.x * params.columns + out_strip % strips * params.strip + out_i;
        const Expr to_y = at.y * params.rows + out_strip / strips;
        const Expr to_c = channel(at, out_lane * P::kVector + out_v);
        const Expr first_c =
            vec > 1 ? to_c - out_v : to_c;  // all of a vector are inside or none is
        to.where(first_c < geo.co && to_x < columns && to_y < rows);
        const Expr stored_c = promised(to_c, geo.co);
        out(g, x, y, n) = Halide::undef<float>();
        out(stored_c, promised(to_x, columns), promised(to_y, rows), promised(at.n, grid.images)) =
            conv_epilogue(sum(out_v, out_i, out_lane, out_strip, out_block), bias, bias_extent,
                          stored_c, floor);
    }
};

}  // namespace convwright
