// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "generators/conv_geometry.h"
#include "generators/fast_division.h"
#include "generators/output_tasks.h"

namespace convwright {

/// How the threads of a block share a tile of the product. A thread has vectors of kVector channels
/// and of `pixel_vector` pixels. Along the axis that neighbouring threads share, a thread's vectors
/// lie a whole row of threads apart: what a warp touches at a time is dense. With `mma` warps stand
/// in the place of threads and the operands of tensor cores in that of vectors (codegen/tensorize_mma.h).
struct GemmTile {
    static constexpr int kVector = 4, kLanes = 32;
    static constexpr int kMmaCo = 8, kMmaPx = 16;

    int co = 64, px = 64;        ///< Of a block.
    int co_t = 4, px_t = 8;      ///< Of a thread, or of a warp.
    bool channels_first = true;  ///< Whether neighbouring threads have neighbouring channels.
    bool pixels_dense = false;  ///< Whether pixels, else channels, lie side by side in their panel.
    /// Warps multiply on tensor cores, which round float32 to TF32: channels_first, not pixels_dense.
    bool mma = false;

    int co_threads() const { return co / co_t; }
    int px_threads() const { return px / px_t; }
    int co_vector() const { return mma ? kMmaCo : kVector; }
    int co_vectors() const { return co_t / co_vector(); }
    int pixel_vector() const { return mma ? kMmaPx : pixels_dense ? kVector : 1; }
    int px_vectors() const { return px_t / pixel_vector(); }
    int first_threads() const { return channels_first ? co_threads() : px_threads(); }
    int second_threads() const { return channels_first ? px_threads() : co_threads(); }
};

/// What a GEMM of a convolution needs beside its geometry, in elements.
struct GemmShape {
    GemmTile tile;
    DType dtype = DType::kF32;  ///< Of the tensors; short floats are for tensor cores.
    int chunk = 16;             ///< Products of a sum that one turn adds.
    int vec = 1;                ///< Input channels that are read at a time.
    /// Of shared memory, with padding: of weights for tensor cores, of pixels where channels are dense.
    /// Weights of short floats lie in pixel_row, too.
    int panel_row = 64, pixel_row = 16;
    /// Whether vectors are stored, of channels or of pixels by channels_first. Channels, or the pixels
    /// of an image, come in fours then (eights of short floats); pixels as one dense row.
    bool store_vectors = false;
    bool linear = false;          ///< Whether chunks run on over the taps.
    bool split = false;           ///< Whether the parts of a sum are stored, each for itself.
    int unroll = 0;               ///< Products of a chunk in a row without a loop; 0: all.
    Halide::Expr turns;           ///< Chunks of a sum, or of a part of it.
    Halide::Expr parts;           ///< Of a sum.
    Halide::Expr images, pixels;  ///< Output pixels of all images.
    FastDivision columns, rows;   ///< Of the output.
    FastDivision image_vectors;   ///< Fours of pixels of an image.
    FastDivision taps_x;
    FastDivision chunks;    ///< Chunks of one tap; input channels if `linear`.
    FastDivision co_tiles;  ///< Tiles of output channels, which run faster than those of pixels.
    Halide::Expr px_tiles;  ///< Tiles of output pixels.

    bool is_short() const { return dtype != DType::kF32; }
    int mma_sum() const {
        return is_short() ? 16 : 8;
    }  ///< Products that tensor cores add at a time.
};

/// Another product than the exact one. Its order of sums is a contract: a sum starts at the bias, in
/// the place of an epilogue, and is not split. A pixel and a weight of 0 must add nothing.
struct GemmProduct {
    using Expr = Halide::Expr;
    std::function<Expr(const Expr &sum, const Expr &pixel, const Expr &weight)> add;
};

/// Direct 2-D convolution, forward, as one matrix product per group: output channels times output
/// pixels, which are one index p over columns, rows and images, so that small images fill tiles.
///   sum(co, p, g) = sum_k pixel(k, p, g) * weight(co % co_tile, k, co / co_tile, g)
///   out(co, g, x(p), y(p), n(p)) = max(floor, sum(co, p, g) + bias(g * co + co)), NaN stays one
/// Sums are float32, also of short floats, to which the output is rounded once.
/// k runs over (ci, kx, ky), ci fastest, with ci rounded up to whole chunks (linear: only the whole
/// sum is); behind the last channel and tap pixels are zeros, and so must packed weights be there.
/// `split`: out(co, g, p, part, 0) = the sum of a part's turns alone, for whole tiles.
/// No bias is one of extent 0. As Conv2dFprop otherwise; dgrad is this sum over another weight.
struct Conv2dGemm {
    Halide::Var v{"v"}, i{"i"}, c{"c"}, p{"p"}, g{"g"}, turn{"turn"};
    Halide::Var block{"block"}, part{"part"};
    Halide::Var x{"x"}, y{"y"}, n{"n"}, co{"co"};
    Halide::RVar r_i, r_turn;
    /// Of the update of out, innermost first: a register tile, threads, parts, blocks.
    Halide::RVar out_cv, out_c, out_pv, out_p, out_first, out_second, out_part, out_block;
    Halide::Func pixels{"pixels"}, panel{"panel"}, conv{"conv"}, out{"out"};

    Conv2dGemm(Halide::Func input, Halide::Func weight, Halide::Func bias, Halide::Expr bias_extent,
               Halide::Expr floor, const ConvGeometry &geo, const GemmShape &s,
               const GemmProduct *product = nullptr) {
        const Halide::RDom r(0, s.chunk, 0, s.turns, "r");
        r_i = r[0], r_turn = r[1];
        define_pixels(input, geo, s);
        panel(c, i, turn, block, g) = weight(c, turn * s.chunk + i, co_tile(block, s), g);
        const Halide::Expr at = s.split ? part * s.turns + r_turn : Halide::Expr(r_turn);
        const Halide::Expr pixel = pixels(r_i % s.vec, r_i / s.vec, p, at, block, g);
        const Halide::Expr one_weight = panel(c, r_i, at, block, g);
        if (product != nullptr) {
            const Halide::Expr co_inside = min(co_tile(block, s) * s.tile.co + c, geo.co - 1);
            // A bias of -0 would stay one where all products are -0 instead of +0.
            conv(c, p, block, g, part) =
                Halide::strict_float(bias_of(bias, bias_extent, g * geo.co + co_inside) + 0.0f);
            conv(c, p, block, g, part) =
                product->add(conv(c, p, block, g, part), pixel, one_weight);
        } else {
            conv(c, p, block, g, part) = 0.0f;
            conv(c, p, block, g, part) += widened(pixel, s.dtype) * widened(one_weight, s.dtype);
        }
        if (s.split) {
            store_parts(s);
        } else {
            store_output(geo, s, [&](const Halide::Expr &sum, const Halide::Expr &channel) {
                return product != nullptr
                           ? sum
                           : conv_epilogue(sum, bias, bias_extent, channel, floor, s.dtype);
            });
        }
    }

protected:
    /// For sums of other operands by the same tiles (generators/byte_gemm.h).
    Conv2dGemm() = default;

    void define_pixels(const Halide::Func &input, const ConvGeometry &geo, const GemmShape &s) {
        const Halide::Expr element = i * s.vec + v;
        Halide::Expr tap, channel;
        if (s.linear) {
            tap = s.chunks.quotient(turn * s.chunk + element);
            channel = turn * s.chunk + element - tap * geo.ci;
        } else {
            tap = s.chunks.quotient(turn);
            channel = (turn - tap * s.chunks.divisor) * s.chunk + element;
        }
        const Halide::Expr ky = s.taps_x.quotient(tap), kx = tap - ky * s.taps_x.divisor;
        const Halide::Expr pixel = s.co_tiles.quotient(block) * s.tile.px + p;
        const Halide::Expr row = s.columns.quotient(pixel), image = s.rows.quotient(row);
        const Halide::Expr sx =
            s.columns.remainder(pixel, row) * geo.stride_x - geo.pad_x + kx * geo.dilation_x;
        const Halide::Expr sy =
            s.rows.remainder(row, image) * geo.stride_y - geo.pad_y + ky * geo.dilation_y;
        // Of vectors of channels all are inside or none is: no lane in the condition.
        const Halide::Expr first =
            s.linear ? Halide::Expr(0) : (turn - tap * s.chunks.divisor) * s.chunk + i * s.vec;
        const Halide::Expr inside = sx >= 0 && sx < geo.iw && sy >= 0 && sy < geo.ih &&
                                    pixel < s.pixels && (s.linear ? ky < geo.kh : first < geo.ci);
        pixels(v, i, p, turn, block, g) =
            select(inside,
                   input(promised(channel, geo.ci), g, promised(sx, geo.iw), promised(sy, geo.ih),
                         promised(image, s.images)),
                   Halide::cast(stored_type(s.dtype), 0));
    }

    /// Where a thread's element lies in the product.
    struct Place {
        Halide::Expr c, p;
    };

    /// The loops that store the product. They scatter, and Halide reorders no loops of a scatter: so
    /// they stand here in the order in which they run.
    Halide::RDom loops(const GemmShape &s, const Halide::Expr &parts, Place &at) {
        const GemmTile &t = s.tile;
        // What a warp multiplies at a time is innermost.
        const int second = t.mma ? t.pixel_vector() : t.co_vectors();
        const int third = t.mma ? t.co_vectors() : t.pixel_vector();
        const Halide::RDom to(0, t.co_vector(), 0, second, 0, third, 0, t.px_vectors(), 0,
                              t.first_threads(), 0, t.second_threads(), 0,
                              s.co_tiles.divisor * s.px_tiles, 0, parts, "to");
        out_cv = to[0], out_c = to[t.mma ? 2 : 1], out_pv = to[t.mma ? 1 : 2], out_p = to[3];
        out_first = to[4], out_second = to[5], out_block = to[6], out_part = to[7];
        const Halide::Expr co_thread = t.channels_first ? out_first : out_second;
        const Halide::Expr px_thread = t.channels_first ? out_second : out_first;
        at.c = t.channels_first ? (out_c * t.co_threads() + co_thread) * t.co_vector() + out_cv
                                : (co_thread * t.co_vectors() + out_c) * t.co_vector() + out_cv;
        at.p = (out_p * t.px_threads() + px_thread) * t.pixel_vector() + out_pv;
        return to;
    }

    /// Scatters pixels through the strides of the output: dgrad of a strided problem leaves gaps.
    template<typename Epilogue>
    void store_output(const ConvGeometry &geo, const GemmShape &s, Epilogue epilogue) {
        Place at;
        Halide::RDom to = loops(s, 1, at);
        const bool co_vectors = s.store_vectors && s.tile.channels_first;
        const bool px_vectors = s.store_vectors && !s.tile.channels_first;
        const Halide::Expr channel = co_tile(out_block, s) * s.tile.co + at.c;
        const Halide::Expr pixel = s.co_tiles.quotient(out_block) * s.tile.px + at.p;
        // Of elements in fours all are inside or none is; tensor cores leave two to a lane.
        const Halide::Expr lane_of_vector = s.tile.mma ? out_cv % 2 : Halide::Expr(out_cv);
        to.where((co_vectors ? channel - lane_of_vector : channel) < geo.co &&
                 (px_vectors ? pixel - out_pv : pixel) < s.pixels);
        const Halide::Expr co_inside = promised(channel, geo.co);
        Halide::Expr to_x, to_y = 0, image;
        if (px_vectors) {
            const Halide::Expr vector = (pixel - out_pv) / GemmTile::kVector;
            const FastDivision &by = s.image_vectors;
            image = by.quotient(vector);
            to_x = promised(by.remainder(vector, image), by.divisor) * GemmTile::kVector + out_pv;
        } else {
            const Halide::Expr row = s.columns.quotient(pixel);
            image = s.rows.quotient(row);
            to_x = promised(s.columns.remainder(pixel, row), s.columns.divisor);
            to_y = promised(s.rows.remainder(row, image), s.rows.divisor);
        }
        const Halide::Expr value =
            epilogue(conv(at.c, at.p, out_block, g, 0), g * geo.co + co_inside);
        out(co, g, x, y, n) = Halide::undef(value.type());
        out(co_inside, g, to_x, to_y, promised(image, s.images)) = value;
    }

    /// Whole tiles, what lies behind the last channel and pixel included.
    void store_parts(const GemmShape &s) {
        Place at;
        const Halide::RDom to = loops(s, s.parts, at);
        out(co, g, x, y, n) = Halide::undef<float>();
        out(promised(co_tile(out_block, s) * s.tile.co + at.c, s.co_tiles.divisor * s.tile.co), g,
            promised(s.co_tiles.quotient(out_block) * s.tile.px + at.p, s.px_tiles * s.tile.px),
            out_part, 0) = conv(at.c, at.p, out_block, g, out_part);
    }

    static Halide::Expr co_tile(const Halide::Expr &block, const GemmShape &s) {
        return promised(s.co_tiles.remainder(block, s.co_tiles.quotient(block)),
                        s.co_tiles.divisor);
    }
};

}  // namespace convwright
