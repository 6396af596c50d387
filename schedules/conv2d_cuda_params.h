// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "runtime/conv_pass.h"
#include "schedules/knob_limits.h"

namespace convwright {

/// Knobs of the CUDA schedules of the convolution engine (fprop, and dgrad pass by pass).
///   engine 0, direct: a thread sums a few outputs, operands come straight from memory; any pass.
///   engine 1, gemm: implicit matrix product. A block is a tile of co output channels times px output
///     pixels, a thread co_t times px_t registers of it; panels of `chunk` products of a sum of both
///     operands lie in shared memory. With mma a warp has co_t times px_t of the tile, and its 32 lanes
///     multiply on tensor cores, with sums in float32: operands of float32 are rounded to TF32 (10 bits of
///     mantissa), bfloat16 and float16 are what they are.
///   engine 2, depthwise: groups of one channel. A block is co channels, a thread `vec` of them times
///     strips of px_t output pixels, along columns (nhwc) or rows (nchw, whose neighbouring threads are
///     columns). What a row of taps meets is read once, into registers.
struct Conv2dCudaParams {
    /// As Conv2dCpuParams::kVersion.
    static constexpr int kVersion = 1;
    static constexpr int kDirect = 0, kGemm = 1, kDepthwise = 2;
    static constexpr int kTf32 = 1, kShortFloats = 2;  ///< Of mma.

    int engine = kGemm;
    int co = 64, px = 64;    ///< Block tile.
    int co_t = 4, px_t = 8;  ///< Register tile of a thread, or of a warp.
    int chunk = 16;          ///< Products of a sum that are staged at a time.
    /// 4: outputs are stored, and channels read, 16 bytes at a time: channels (nhwc) or the pixels of
    /// an image (nchw), which are dense and come in fours. 8: the same of short floats.
    int vec = 1;
    /// 1: a chunk runs on over the taps, for few input channels: none of it is zeros, but each
    /// element is divided into tap and channel. 0: a chunk is of one tap.
    int linear = 0;
    int stages = 1;  ///< Buffers of each panel.
    /// 1: outputs are stored one by one, of any number of channels; `vec` is for what is read alone (nhwc).
    int apart = 0;
    int split = 0;  ///< 1: parts of the sum go to partial results, which another kernel adds.
    int mma = 0;    ///< On tensor cores: 1 float32 as TF32, 2 bfloat16 or float16.
    int taps = 0, stride = 1;  ///< Along a strip, compiled in (depthwise).

    static const std::vector<Knob<Conv2dCudaParams>> &knobs() {
        using P = Conv2dCudaParams;
        static const std::vector<Knob<P>> table = {
            {"engine", &P::engine, {kDirect, kGemm, kDepthwise}},
            {"co", &P::co, {1, 8, 16, 32, 64, 128}},
            {"px", &P::px, {16, 32, 64, 128}},
            {"co_t", &P::co_t, {4, 8, 16, 32, 64}},
            {"px_t", &P::px_t, {4, 8, 16, 32, 64}},
            {"chunk", &P::chunk, {8, 16, 32}},
            {"vec", &P::vec, {1, 4, 8}},
            {"linear", &P::linear, {0, 1}},
            {"stages", &P::stages, {1, 2, 3, 4}},
            {"apart", &P::apart, {0, 1}},
            {"split", &P::split, {0, 1}},
            {"mma", &P::mma, {0, kTf32, kShortFloats}},
            {"taps", &P::taps, {0, 1, 2, 3, 4, 5, 7}},
            {"stride", &P::stride, {1, 2}},
        };
        return table;
    }
    /// What float32 has of them: vectors of four and chunks of 64 bytes.
    static std::vector<Knob<Conv2dCudaParams>> float_knobs() {
        using P = Conv2dCudaParams;
        return knobs_without(
            P(), [](const P &p) { return p.mma > kTf32 || p.vec > 4 || p.chunk > kMostFloats; });
    }

    /// Whether pixels, else channels, lie side by side in shared memory.
    bool pixels_dense(Format format) const {
        return format == Format::kNchw || (linear != 0 && mma == 0);
    }
    /// Input channels that are read at a time.
    int read_vector(Format format) const { return pixels_dense(format) ? 1 : vec; }
    /// Output channels that are stored at a time (nhwc), or pixels (nchw).
    int store_vector() const { return apart ? 1 : vec; }
    int threads() const {
        return engine != kGemm ? kSmallThreads : co / co_t * (px / px_t) * (mma ? 32 : 1);
    }
    /// Elements of a row of weights and of a pixel's row along the sum in shared memory. So long the
    /// lanes of a warp read different banks for tensor cores: 8 words behind a multiple of 16, 4 behind
    /// one of 8. Short floats, two in a word, have rows along the sum alone.
    int panel_row() const { return co + (mma ? 8 : 0); }
    int pixel_row() const {
        return chunk + (mma == kShortFloats ? 8 : mma || has_rows_in_one_bank() ? 4 : 0);
    }
    /// Channels of a row of taps in shared memory; 4 more, so that a tap of several is written to
    /// several banks (depthwise).
    int tap_row() const { return co + (co > 1 ? 4 : 0); }
    /// Of a filter, across the strips; phases of dgrad have one more along an axis than along the other
    /// (depthwise).
    int most_taps_across() const { return std::max(taps, 4); }
    int shared_bytes() const {
        if (engine == kDirect) return 0;
        if (engine == kDepthwise) return 4 * taps * most_taps_across() * tap_row();
        if (mma == kShortFloats) return 2 * stages * (co + px) * pixel_row();
        return 4 * stages * (chunk * panel_row() + px * pixel_row());
    }
    /// Strips of px_t output pixels (depthwise).
    int64_t strips(const ConvPass &pass, Format format) const {
        const bool columns = format == Format::kNhwc;
        const PassAxis &along = columns ? pass.x : pass.y, &across = columns ? pass.y : pass.x;
        return divide_up(along.out, px_t) * across.out * pass.n;
    }
    /// Blocks of them (depthwise).
    int64_t strip_blocks(const ConvPass &pass, Format format) const {
        return divide_up(strips(pass, format), threads() / (co / vec)) * divide_up(pass.groups, co);
    }

    /// Turns of the sum of a pass: chunks, the last one of a tap or of the sum with zeros behind.
    int64_t turns(const ConvPass &pass) const {
        const int64_t taps = pass.taps();
        return linear ? divide_up(taps * pass.ci, chunk) : taps * divide_up(pass.ci, chunk);
    }
    int64_t co_tiles(const ConvPass &pass) const { return divide_up(pass.co, co); }
    int64_t px_tiles(const ConvPass &pass) const {
        return divide_up(int64_t{pass.n} * pass.x.out * pass.y.out, px);
    }

    /// Null if this schedule computes `pass` on a GPU of this compute capability, 80 for 8.0, in blocks
    /// of at most `most_shared` bytes of shared memory, else why not. The schedules rely on it: they
    /// check nothing again at run time.
    const char *why_illegal(const ConvPass &pass, Format format, int capability,
                            int most_shared) const {
        constexpr int64_t kMost = INT32_MAX;
        // Index of the pixels, with what the last tile or strip has behind the last one.
        if (int64_t{pass.n} * pass.x.out * pass.y.out > kMost - 256) {
            return "there are nearly 2^31 output pixels or more";
        }
        if (vec == 8 && mma != kShortFloats) return "16 bytes are 4 floats";
        if (engine == kDepthwise) return why_no_strips(pass, format);
        if (taps != 0 || stride != 1) return "taps and stride are any";
        if (engine == kDirect) {
            if (vec != 1 || linear != 0 || stages != 1 || apart != 0 || split != 0 || mma != 0) {
                return "nothing is staged";
            }
            // Tasks of 4 pixels, in whole warps.
            const double tasks = 32.0 * pass.co * pass.groups *
                                 (divide_up(int64_t{pass.n} * pass.x.out * pass.y.out, 128) + 1.0);
            return tasks > kMost ? "there are too many outputs to count" : nullptr;
        }
        if (co % co_t != 0 || px % px_t != 0) return "thread tiles do not divide the block's";
        if (const char *why = why_no_tile(format, capability)) return why;
        if (apart != 0 && (read_vector(format) == 1 || split != 0))
            return "only outputs beside vectors that are read are stored apart";
        if (threads() > 1024) return "a block has more than 1024 threads";
        if (threads() < 32) return "a block has less than a warp";
        if (shared_bytes() > most_shared) return "a block needs more shared memory than there is";
        if (pass.groups > 65535) return "a grid has no more than 65535 groups";
        if (co_tiles(pass) > 65535) return "a grid has no more than 65535 panels";
        if (co_tiles(pass) * px_tiles(pass) > kMost) return "there are 2^31 blocks or more";
        if (co_tiles(pass) * co * turns(pass) * chunk * pass.groups > kMost) {
            return "the packed weight has 2^31 elements or more";
        }
        if (vec == 1) return nullptr;
        if (format == Format::kNchw) {
            const bool dense = pass.x.out_step == 1 && pass.y.out_step == 1;
            return dense && pass.x.out * pass.y.out % vec == 0
                       ? nullptr
                       : "the pixels of an image are not whole vectors";
        }
        return pass.ci % read_vector(format) == 0 && pass.co % store_vector() == 0
                   ? nullptr
                   : "the channels of a group are not whole vectors";
    }

    static constexpr int kSmallThreads = 128;  ///< Of engines without tiles.

private:
    static constexpr int kMostTile = 8;     ///< Side of a thread's tile.
    static constexpr int kMostFloats = 16;  ///< Of a chunk.

    /// Whether 8 threads, which shared memory serves at a time, read 16 bytes of more pixels than have
    /// rows in different banks. 4 floats behind each row keep 8 of them apart. With vec:1 the same knobs
    /// are nchw's, too, whose rows are of pixels: those stay as they are.
    bool has_rows_in_one_bank() const {
        return engine == kGemm && vec > 1 && linear == 0 && 8 * co_t / co * chunk > 32;
    }

    /// Depthwise.
    const char *why_no_strips(const ConvPass &pass, Format format) const {
        const bool columns = format == Format::kNhwc;
        const PassAxis &along = columns ? pass.x : pass.y, &across = columns ? pass.y : pass.x;
        if (linear != 0 || stages != 1 || apart != 0 || split != 0 || mma != 0)
            return "nothing is staged";
        if (pass.ci != 1 || pass.co != 1) return "groups have more than one channel";
        if (along.taps.count != taps) return "another number of taps is compiled in";
        if (along.stride != stride) return "another stride is compiled in";
        if (along.dilation != 1 && taps > 1) return "the taps are not side by side";
        if (across.taps.count > most_taps_across())
            return "there are more taps than places for them";
        if (px_t > kMostTile) return "a thread has more outputs than registers";
        if (co % vec != 0) return "a block has no whole vectors of channels";
        if (!columns && co * vec != 1) return "threads side by side are columns of one channel";
        // With those behind the last one.
        if (strips(pass, format) > INT32_MAX - kSmallThreads)
            return "there are too many strips to count";
        if (strip_blocks(pass, format) > INT32_MAX) return "there are 2^31 blocks or more";
        return pass.groups % vec == 0 ? nullptr : "the channels are not whole vectors";
    }

    /// Of a thread or a warp.
    const char *why_no_tile(Format format, int capability) const {
        if (chunk > kMostFloats && mma != kShortFloats)
            return "chunks of more than 64 bytes are not unrolled";
        if (mma == 0) {
            return co_t > kMostTile || px_t > kMostTile ? "a thread has more outputs than registers"
                                                        : nullptr;
        }
        if (capability < 80) return "tensor cores multiply floats from compute capability 8.0 on";
        if (co_t % 8 != 0 || px_t % 16 != 0) return "a warp multiplies for 8 channels x 16 pixels";
        if (format == Format::kNchw) return "tensor cores take pixels with dense channels";
        if (mma == kTf32) {
            return linear != 0 || vec != 4 ? "tensor cores take pixels with vectors of channels"
                                           : nullptr;
        }
        if (chunk % 16 != 0) return "tensor cores add 16 products of short floats at a time";
        if (vec == 4) return "16 bytes are 8 short floats";
        return linear != 0 && vec != 1 ? "chunks over taps are read one by one" : nullptr;
    }

    static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
};

}  // namespace convwright
