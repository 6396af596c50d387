// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "runtime/conv_problem.h"
#include "schedules/knobs.h"

namespace convwright {

/// Knobs of the CUDA schedules of wgrad. A block computes co output channels by e filter elements
/// (ci, kx, ky) over one part of the pixels.
///   engine 0, direct: any strides and groups; `shares` threads share the pixels of an output.
///   engine 1, gemm: matrix product; a thread is co_t times e_t registers of the block's tile, both
///     operands of a chunk of pixels lie in shared memory.
struct Conv2dWgradCudaParams {
    /// As Conv2dCpuParams::kVersion.
    static constexpr int kVersion = 1;
    static constexpr int kDirect = 0, kGemm = 1;

    int engine = kGemm;
    int co = 64, e = 64;    ///< Tile of a block.
    int co_t = 8, e_t = 4;  ///< Tile of a thread (gemm).
    int chunk = 16;         ///< Pixels in shared memory (gemm).
    /// 4: channels are loaded 16 bytes at a time; they are dense and come in fours (gemm, nhwc).
    int vec = 1;
    int async = 0;   ///< 1: cp.async fills shared memory (gemm).
    int stages = 1;  ///< Chunks in shared memory, those copied and the one in use (gemm).
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
            {"stages", &P::stages, {1, 2, 3, 4}},
            {"shares", &P::shares, {4, 8, 16, 32}},
        };
        return table;
    }

    /// Bytes of shared memory of a block.
    int shared_bytes() const {
        if (engine == kDirect) return 4 * co * e * shares;
        return 4 * stages * chunk * (co + e + (vec == 1 ? 8 : 0));
    }

    /// Null if this schedule computes `problem` in blocks of at most `most_shared` bytes of shared
    /// memory, else why not.
    const char *why_illegal(const ConvProblem &problem, int most_shared) const {
        constexpr int64_t kMostBlocks = 65535;  // of a grid's second and third axes
        if (threads() > 1024) return "a block has more than 1024 threads";
        if (shared_bytes() > most_shared) return "a block needs more shared memory than there is";
        // Steps of a part, which the last one may run past the end, are counted in 31 bits.
        if (static_cast<double>(problem.n) * problem.oh() * problem.ow() > (1 << 30)) {
            return "there are more than 2^30 output pixels";
        }
        if (problem.co / co >= kMostBlocks) return "there are 65535 tiles of output channels";
        if (engine == kDirect) {
            if (vec != 1 || async != 0 || stages != 1) return "nothing is staged";
            return nullptr;
        }
        if (co % co_t != 0 || e % e_t != 0) return "thread tiles do not divide the block's";
        const int loads = chunk * std::min(co, e) / 4;
        if (loads % threads() != 0) return "threads have different numbers of loads";
        if (problem.groups > kMostBlocks) return "there are more than 65535 groups";
        if (vec == 1) return nullptr;
        if (problem.format != Format::kNhwc) return "the channels are not dense";
        // A vector would be loaded before the question whether it is inside the image.
        if (async == 0) return "vectors are copied by cp.async";
        const bool whole =
            problem.ci / problem.groups % vec == 0 && problem.co / problem.groups % vec == 0;
        return whole ? nullptr : "the channels of a group are not whole vectors";
    }
};

}  // namespace convwright
