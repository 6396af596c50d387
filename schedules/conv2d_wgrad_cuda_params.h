// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "runtime/conv_problem.h"
#include "schedules/conv2d_cuda_params.h"
#include "schedules/knob_limits.h"

namespace convwright {

/// Knobs of the CUDA schedules of wgrad. A block computes co output channels by e filter elements
/// (ci, kx, ky) over one part of the pixels.
///   engine 0, direct: any strides and groups; `shares` threads share the pixels of an output.
///   engine 1, gemm: matrix product; a thread is co_t times e_t registers of the block's tile, both
///     operands of a chunk of pixels lie in shared memory. With mma a warp has co_t times e_t of the tile,
///     and its 32 lanes multiply bfloat16 or float16 on tensor cores, with sums in float32.
///   engine 2, depthwise: groups of one channel; a thread has all taps of `vec` channels in registers
///     and sums over strips of px_t pixels, along columns (nhwc) or rows (nchw), of which `shares`
///     threads each take their own.
struct Conv2dWgradCudaParams {
    /// As Conv2dCpuParams::kVersion.
    static constexpr int kVersion = 1;
    static constexpr int kDirect = 0, kGemm = 1, kDepthwise = 2;
    static constexpr int kShortFloats = Conv2dCudaParams::kShortFloats;  ///< Of mma.

    int engine = kGemm;
    int co = 64, e = 64;    ///< Tile of a block.
    int co_t = 8, e_t = 4;  ///< Tile of a thread, or of a warp (gemm).
    int chunk = 16;         ///< Pixels in shared memory (gemm).
    /// 4: channels are loaded 16 bytes at a time; they are dense and come in fours (nhwc). 8: the same of
    /// short floats.
    int vec = 1;
    int async = 0;   ///< 1: cp.async fills shared memory (gemm).
    int stages = 1;  ///< Chunks in shared memory, those copied and the one in use (gemm).
    int shares = 8;  ///< Threads of an output (direct, depthwise).
    int mma = 0;     ///< 2: bfloat16 or float16 on tensor cores (gemm).
    int px_t = 4;    ///< Pixels of a strip (depthwise).
    int taps = 0,
        stride = 1;  ///< Of the filter, which is square, and of strips: compiled in (depthwise).

    /// Threads of a block.
    int threads() const {
        if (engine == kDepthwise) return co / vec * shares;
        return engine == kGemm ? co / co_t * (e / e_t) * (mma ? 32 : 1) : co * shares;
    }
    /// Filter elements of a block.
    int elements() const { return engine == kDepthwise ? taps * taps : e; }
    /// What a step of a part is to a block: pixels, or strips (depthwise).
    int64_t step_size() const { return engine == kGemm ? chunk : shares; }
    /// How many of those the problem has.
    int64_t items(const ConvProblem &p) const {
        if (engine != kDepthwise) return p.n * p.oh() * p.ow();
        const bool columns = p.format == Format::kNhwc;
        const int64_t along = columns ? p.ow() : p.oh(), across = columns ? p.oh() : p.ow();
        return (along + px_t - 1) / px_t * across * p.n;
    }

    static const std::vector<Knob<Conv2dWgradCudaParams>> &knobs() {
        using P = Conv2dWgradCudaParams;
        static const std::vector<Knob<P>> table = {
            {"engine", &P::engine, {kDirect, kGemm, kDepthwise}},
            {"co", &P::co, {1, 2, 4, 8, 16, 32, 64, 128}},
            {"e", &P::e, {1, 2, 3, 4, 5, 8, 9, 16, 32, 64, 128}},
            {"co_t", &P::co_t, {4, 8, 16, 32, 64}},
            {"e_t", &P::e_t, {4, 8, 16, 32, 64}},
            {"chunk", &P::chunk, {8, 16, 32}},
            {"vec", &P::vec, {1, 4, 8}},
            {"async", &P::async, {0, 1}},
            {"stages", &P::stages, {1, 2, 3, 4}},
            {"shares", &P::shares, {4, 8, 16, 32}},
            {"mma", &P::mma, {0, kShortFloats}},
            {"px_t", &P::px_t, {4, 8}},
            {"taps", &P::taps, {0, 3, 5, 7}},
            {"stride", &P::stride, {1, 2}},
        };
        return table;
    }
    /// What float32 has of them: no tensor cores, thus tiles of a thread's registers and vectors of four.
    static std::vector<Knob<Conv2dWgradCudaParams>> float_knobs() {
        using P = Conv2dWgradCudaParams;
        return knobs_without(P(), [](const P &p) {
            return p.mma != 0 || p.vec > 4 || p.co_t > kMostTile || p.e_t > kMostTile;
        });
    }

    /// Elements behind each pixel's row in shared memory: 4 words where threads copy one by one or the
    /// lanes of tensor cores read.
    int padding() const { return mma ? 8 : vec == 1 ? 4 : 0; }
    /// Bytes of shared memory of a block.
    int shared_bytes() const {
        if (engine != kGemm) return 4 * co * elements() * shares;
        return (mma ? 2 : 4) * stages * chunk * (co + e + 2 * padding());
    }

    /// Null if this schedule computes `problem` on a GPU of this compute capability, 80 for 8.0, in
    /// blocks of at most `most_shared` bytes of shared memory, else why not.
    const char *why_illegal(const ConvProblem &problem, int capability, int most_shared) const {
        constexpr int64_t kMostBlocks = 65535;  // of a grid's second and third axes
        if (vec == (mma ? 4 : 8)) return "vectors have 16 bytes";
        if ((problem.dtype != DType::kF32) != (mma != 0))
            return mma ? "tensor cores would round the operands" : "short floats take tensor cores";
        if (threads() > 1024) return "a block has more than 1024 threads";
        if (shared_bytes() > most_shared) return "a block needs more shared memory than there is";
        // Steps of a part, which the last one may run past the end, are counted in 31 bits.
        if (static_cast<double>(problem.n) * problem.oh() * problem.ow() > (1 << 30)) {
            return "there are more than 2^30 output pixels";
        }
        if (problem.co / co >= kMostBlocks) return "there are 65535 tiles of output channels";
        if (engine == kDepthwise) return why_no_strips(problem);
        if (taps != 0 || stride != 1) return "taps and stride are any";
        if (engine == kDirect) {
            if (vec != 1 || async != 0 || stages != 1 || mma != 0) return "nothing is staged";
            return nullptr;
        }
        if (co % co_t != 0 || e % e_t != 0) return "thread tiles do not divide the block's";
        if (const char *why = why_no_tile(capability)) return why;
        const int loads = chunk * std::min(co, e) / std::max(vec, 4);
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

private:
    static constexpr int kMostTile = 8;  ///< Side of a thread's tile.

    /// Of a thread or a warp.
    const char *why_no_tile(int capability) const {
        if (mma == 0)
            return co_t > kMostTile || e_t > kMostTile ? "a thread has more sums than registers"
                                                       : nullptr;
        if (capability < 80) return "tensor cores multiply floats from compute capability 8.0 on";
        if (co_t % 16 != 0 || e_t % 8 != 0) return "a warp multiplies for 16 channels x 8 elements";
        return chunk % 16 != 0 ? "tensor cores add 16 products of short floats at a time" : nullptr;
    }

    /// Depthwise.
    const char *why_no_strips(const ConvProblem &p) const {
        const bool columns = p.format == Format::kNhwc;
        if (async != 0 || stages != 1 || mma != 0) return "nothing is staged";
        if (p.ci != p.groups || p.co != p.groups) return "groups have more than one channel";
        if (p.kw != taps || p.kh != taps) return "another number of taps is compiled in";
        if ((columns ? p.stride_w : p.stride_h) != stride) return "another stride is compiled in";
        if ((columns ? p.dilation_w : p.dilation_h) != 1) return "the taps are not side by side";
        if (co % vec != 0) return "a block has no whole vectors of channels";
        if (vec == 1) return nullptr;
        if (!columns) return "the channels are not dense";
        return p.co % vec == 0 ? nullptr : "the channels are not whole vectors";
    }
};

}  // namespace convwright
