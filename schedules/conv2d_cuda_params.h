// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_pass.h"
#include "schedules/knobs.h"

namespace convwright {

/// Knobs of the CUDA schedules of the convolution engine (fprop, and dgrad pass by pass).
///   engine 0, direct: a thread sums a few outputs, operands come straight from memory; any pass.
///   engine 1, gemm: implicit matrix product. A block is a tile of co output channels times px output
///     pixels, a thread co_t times px_t registers of it; panels of `chunk` products of a sum of both
///     operands lie in shared memory.
struct Conv2dCudaParams {
    static constexpr int kDirect = 0, kGemm = 1;

    int engine = kGemm;
    int co = 64, px = 64;    ///< Block tile.
    int co_t = 4, px_t = 8;  ///< Register tile of a thread.
    int chunk = 16;          ///< Products of a sum that are staged at a time.
    /// 4: channels are copied and stored 16 bytes at a time; they are dense and come in fours.
    int vec = 1;
    /// 1: a chunk runs on over the taps, for few input channels: none of it is zeros, but each
    /// element is divided into tap and channel. 0: a chunk is of one tap.
    int linear = 0;
    int stages = 1;  ///< Buffers of each panel.
    int split = 0;   ///< 1: parts of the sum go to partial results, which another kernel adds.

    static const std::vector<Knob<Conv2dCudaParams>> &knobs() {
        using P = Conv2dCudaParams;
        static const std::vector<Knob<P>> table = {
            {"engine", &P::engine, {kDirect, kGemm}},
            {"co", &P::co, {16, 32, 64, 128}},
            {"px", &P::px, {16, 32, 64, 128}},
            {"co_t", &P::co_t, {4, 8}},
            {"px_t", &P::px_t, {4, 8}},
            {"chunk", &P::chunk, {8, 16}},
            {"vec", &P::vec, {1, 4}},
            {"linear", &P::linear, {0, 1}},
            {"stages", &P::stages, {1, 2, 3, 4}},
            {"split", &P::split, {0, 1}},
        };
        return table;
    }

    /// Whether pixels, else channels, lie side by side in shared memory.
    bool pixels_dense(Format format) const { return format == Format::kNchw || linear != 0; }
    int threads() const { return co / co_t * (px / px_t); }
    int shared_bytes() const { return 4 * stages * chunk * (co + px); }
};

}  // namespace convwright
