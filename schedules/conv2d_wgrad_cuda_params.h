// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_problem.h"
#include "schedules/knobs.h"

namespace convwright {

/// Knobs of the CUDA schedules of wgrad. A block computes co output channels by e filter elements
/// (ci, kx, ky) over one part of the pixels.
///   engine 0, direct: any strides and groups; `shares` threads share the pixels of an output.
///   engine 1, gemm: matrix product; a thread is co_t times e_t registers of the block's tile, both
///     operands of a chunk of pixels lie in shared memory.
struct Conv2dWgradCudaParams {
    static constexpr int kDirect = 0, kGemm = 1;

    int engine = kGemm;
    int co = 64, e = 64;    ///< Tile of a block.
    int co_t = 8, e_t = 4;  ///< Tile of a thread (gemm).
    int chunk = 16;         ///< Pixels in shared memory (gemm).
    /// 4: channels are loaded 16 bytes at a time; they are dense and come in fours (gemm, nhwc).
    int vec = 1;
    int async = 0;   ///< 1: cp.async fills shared memory (gemm).
    int shares = 8;  ///< Threads of an output (direct).

    /// Threads of a block.
    int threads() const { return engine == kGemm ? co / co_t * (e / e_t) : co * shares; }

    static const std::vector<Knob<Conv2dWgradCudaParams>> &knobs() {
        using P = Conv2dWgradCudaParams;
        static const std::vector<Knob<P>> table = {
            {"engine", &P::engine, {kDirect, kGemm}},
            {"co", &P::co, {1, 2, 4, 8, 16, 32, 64, 128}},
            {"e", &P::e, {1, 2, 3, 4, 5, 8, 9, 16, 32, 64, 128}},
            {"co_t", &P::co_t, {4, 8}},
            {"e_t", &P::e_t, {4, 8}},
            {"chunk", &P::chunk, {8, 16, 32}},
            {"vec", &P::vec, {1, 4}},
            {"async", &P::async, {0, 1}},
            {"shares", &P::shares, {4, 8, 16, 32}},
        };
        return table;
    }
};

}  // namespace convwright
