// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "runtime/conv_problem.h"
#include "schedules/knobs.h"

namespace convwright {

/// Knobs of the CUDA schedule of the weighted sum's gradient of the input, channels_last. A block has `columns`
/// x `rows` pixels of the input. It leaves the gradient of z, of all its channels, in shared memory, and mixes
/// `channels` channels of the input's gradient from there. In both steps a thread has 4 channels of a strip
/// of `strip` pixels.
struct WeightedSumGradCudaParams {
    /// As Conv2dCpuParams::kVersion.
    static constexpr int kVersion = 1;
    static constexpr int kVector = 4;

    int columns = 16, rows = 8, strip = 8;
    int channels = 32;         ///< Of the input in a block, and of z that are computed at a time.
    int middle = 32;           ///< At most so many channels has z.
    int chunk = 8;             ///< Products of a sum side by side, unrolled.
    int vec = 1;               ///< 4: channels are read and stored 16 bytes at a time.
    int taps = 3, stride = 1;  ///< Of both axes, compiled in.

    static const std::vector<Knob<WeightedSumGradCudaParams>> &knobs() {
        using P = WeightedSumGradCudaParams;
        static const std::vector<Knob<P>> table = {
            {"columns", &P::columns, {4, 8, 16, 32}},
            {"rows", &P::rows, {2, 4, 8, 16}},
            {"strip", &P::strip, {2, 4, 8}},
            {"channels", &P::channels, {16, 32, 64}},
            {"middle", &P::middle, {16, 32, 64, 128}},
            {"chunk", &P::chunk, {8, 16}},
            {"vec", &P::vec, {1, 4}},
            {"taps", &P::taps, {1, 2, 3, 4, 5}},
            {"stride", &P::stride, {1, 2}},
        };
        return table;
    }

    int lanes() const { return channels / kVector; }
    int strips() const { return columns * rows / strip; }
    int threads() const { return lanes() * strips(); }
    /// Taps that an input column can meet, at most.
    int met() const { return (taps + stride - 1) / stride; }
    /// Positions of the output's gradient that a tile meets, whatever its phase.
    int grad_columns() const { return (columns + stride - 2) / stride + met(); }
    int grad_rows() const { return (rows + stride - 2) / stride + met(); }
    int grad_pixels() const { return grad_columns() * grad_rows(); }
    /// Floats between two pixels of z: columns of vectors have no bank in common.
    int middle_pitch() const { return middle + kVector; }
    int shared_bytes() const {
        // The pointwise weight lies where the output's gradient was.
        return 4 * (middle_pitch() * columns * rows + channels * std::max(grad_pixels(), middle));
    }

    /// Null if this schedule computes the gradient for the problem, fprop with the sizes of the input and the
    /// output and the geometry of the depthwise step, else why not. `most_shared` bytes of shared memory has
    /// a block.
    const char *why_illegal(const ConvProblem &p, int most_shared) const {
        if (columns % strip != 0) return "a row of the tile is not whole strips";
        if (rows % stride != 0 || strip % stride != 0) return "a tile is not whole strides";
        if (middle % channels != 0 || middle % chunk != 0) return "z is not whole chunks";
        if (threads() % 32 != 0) return "the threads are not whole warps";
        if (threads() > 512) return "the threads of a block have too few registers";
        if (shared_bytes() > most_shared) return "a block needs more shared memory than there is";
        if (p.kw != taps || p.kh != taps) return "another number of taps is compiled in";
        if (p.stride_w != stride || p.stride_h != stride) return "another stride is compiled in";
        if (taps > 1 && (p.dilation_w != 1 || p.dilation_h != 1))
            return "the taps are not side by side";
        if (p.co > middle) return "z has more channels than a block holds";
        if (p.ci % vec != 0 || p.co % vec != 0) return "the channels are not whole vectors";
        return blocks(p) > INT32_MAX ? "there are 2^31 blocks or more" : nullptr;
    }

    static int64_t tiles(int64_t extent, int size) { return (extent + size - 1) / size; }
    double blocks(const ConvProblem &p) const {
        return 1.0 * tiles(p.iw, columns) * tiles(p.ih, rows) * p.n * tiles(p.ci, channels);
    }
};

}  // namespace convwright
