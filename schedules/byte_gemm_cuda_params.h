// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_pass.h"
#include "schedules/knobs.h"

namespace convwright {

/// What a convolution of packed bytes is as a matrix product: its operands are words of four bytes, side by
/// side along the sum.
struct ByteGemmShape {
    int64_t co = 1, groups = 1;  ///< Output channels of a group.
    int64_t pixels = 1;          ///< Of all images of the output.
    int64_t words = 4;           ///< Of a tap of a term, in whole fours.
    int64_t taps = 1, terms = 1;
};

/// Knobs of the CUDA schedules of products of 8-bit operands. A block is a tile of co output channels times px
/// output pixels, a thread co_t times px_t registers of it; panels of `chunk` words of a sum of both
/// operands lie in shared memory. What becomes of two words is the kernel's product, by name:
///   dot_s8, dot_u8    the sum of four products of bytes, in one instruction
///   table16, table32  four entries of a table of all products, looked up
struct ByteGemmCudaParams {
    /// As Conv2dCpuParams::kVersion.
    static constexpr int kVersion = 1;
    /// Bytes of a table of 16-bit entries.
    static constexpr int kTableBytes = 2 * 256 * 256;

    int co = 64, px = 64;    ///< Block tile.
    int co_t = 4, px_t = 8;  ///< Register tile of a thread.
    int chunk = 16;          ///< Words of a sum that are staged at a time.
    int vec = 1;  ///< 4: channels are stored 16 bytes at a time; they are dense and come in fours.
    int stages = 1;  ///< Buffers of each panel.
    int staged = 0;  ///< 1: a table of 16-bit entries is copied to shared memory first.

    static const std::vector<Knob<ByteGemmCudaParams>> &knobs() {
        using P = ByteGemmCudaParams;
        static const std::vector<Knob<P>> table = {
            {"co", &P::co, {16, 32, 64, 128}},    {"px", &P::px, {32, 64, 128, 256}},
            {"co_t", &P::co_t, {4, 8}},           {"px_t", &P::px_t, {4, 8}},
            {"chunk", &P::chunk, {4, 8, 16}},     {"vec", &P::vec, {1, 4}},
            {"stages", &P::stages, {1, 2, 3, 4}}, {"staged", &P::staged, {0, 1}},
        };
        return table;
    }

    int threads() const { return co / co_t * (px / px_t); }
    /// Words of a pixel's row in shared memory: 4 behind the chunk, so that vectors of eight pixels side by
    /// side lie in different banks.
    int pixel_row() const { return chunk + 4; }
    int shared_bytes() const {
        const int panels = 4 * (chunk * co + px * pixel_row());
        if (!staged) return stages * panels;
        // A pipeline's buffers lie behind the table and the panels of one stage, which share an allocation.
        return kTableBytes + (stages > 1 ? stages + 1 : 1) * panels;
    }
    /// Chunks of a term.
    int64_t turns(const ByteGemmShape &s) const { return divide_up(s.words * s.taps, chunk); }
    int64_t co_tiles(const ByteGemmShape &s) const { return divide_up(s.co, co); }
    int64_t px_tiles(const ByteGemmShape &s) const { return divide_up(s.pixels, px); }
    int64_t weight_words(const ByteGemmShape &s) const {
        return co_tiles(s) * co * turns(s) * chunk * s.terms * s.groups;
    }

    /// Null if this schedule computes the product in blocks of at most `most_shared` bytes of shared
    /// memory, else why not. The schedule relies on it: it checks nothing again at run time.
    const char *why_illegal(const ByteGemmShape &s, int most_shared) const {
        constexpr int64_t kMost = INT32_MAX;
        if (co % co_t != 0 || px % px_t != 0) return "thread tiles do not divide the block's";
        if (threads() > 1024) return "a block has more than 1024 threads";
        if (threads() < 32) return "a block has less than a warp";
        // Each copies some, for a pipeline has no copies of a panel under a condition.
        if (stages > 1 && chunk * co < threads())
            return "a staged panel of weights has fewer words than a block has threads";
        if (shared_bytes() > most_shared) return "a block needs more shared memory than there is";
        // Index of the pixels, with what the last tile has behind the last one.
        if (s.pixels > kMost - px) return "there are nearly 2^31 output pixels or more";
        if (s.groups > 65535) return "a grid has no more than 65535 groups";
        if (co_tiles(s) * px_tiles(s) > kMost) return "there are 2^31 blocks or more";
        if (weight_words(s) > kMost) return "the packed weight has 2^31 words or more";
        return s.co % vec == 0 ? nullptr : "the channels of a group are not whole vectors";
    }

private:
    static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
};

}  // namespace convwright
