// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_pass.h"
#include "schedules/knobs.h"

namespace convwright {

/// Knobs of the fused CUDA schedule of the weighted sum, channels_last. A block mixes the channels of all
/// pixels that a tile of `columns` x `rows` output pixels meets, 32 channels of them, into shared memory,
/// and sums the taps from there. A thread has 4 channels, in the second step with strips of `strip` pixels.
struct WeightedSumCudaParams {
    /// As Conv2dCpuParams::kVersion.
    static constexpr int kVersion = 1;
    static constexpr int kChannels = 32, kVector = 4, kLanes = kChannels / kVector;
    static constexpr int kStripThreads = 16;

    int columns = 16, rows = 8, strip = 8;
    int chunk = 8;             ///< Input channels that are staged at a time.
    int vec = 1;               ///< 4: channels are read and stored 16 bytes at a time.
    int taps = 3, stride = 1;  ///< Of both axes, compiled in.

    static const std::vector<Knob<WeightedSumCudaParams>> &knobs() {
        using P = WeightedSumCudaParams;
        static const std::vector<Knob<P>> table = {
            {"columns", &P::columns, {4, 8, 16, 32}},
            {"rows", &P::rows, {2, 4, 8, 16}},
            {"strip", &P::strip, {2, 4, 8}},
            {"chunk", &P::chunk, {8, 16}},
            {"vec", &P::vec, {1, 4}},
            {"taps", &P::taps, {2, 3, 4, 5}},
            {"stride", &P::stride, {1, 2}},
        };
        return table;
    }

    int threads() const { return kLanes * kStripThreads; }
    /// Pixels of z that a tile meets, and those of whole rows of threads.
    int z_columns() const { return (columns - 1) * stride + taps; }
    int z_rows() const { return (rows - 1) * stride + taps; }
    int z_pixels() const {
        return (z_columns() * z_rows() + kStripThreads - 1) / kStripThreads * kStripThreads;
    }
    int shared_bytes() const {
        return 4 * (kChannels * z_pixels() + chunk * (z_pixels() + kChannels));
    }

    /// Null if this schedule computes the two passes, else why not. `mix` is the pointwise pass, `window`
    /// the depthwise one; `most_shared` bytes of shared memory has a block.
    const char *why_illegal(const ConvPass &mix, const ConvPass &window, int most_shared) const {
        if (columns * rows != strip * kStripThreads || columns % strip != 0)
            return "the tile is not one strip for each thread";
        if (z_pixels() / kStripThreads > 16) return "a thread has more sums than registers";
        if (shared_bytes() > most_shared) return "a block needs more shared memory than there is";
        for (const PassAxis *axis : {&window.x, &window.y}) {
            if (axis->taps.count != taps) return "another number of taps is compiled in";
            if (axis->stride != stride) return "another stride is compiled in";
            if (axis->dilation != 1 && taps > 1) return "the taps are not side by side";
            if (axis->in_step != 1) return "there is one tap";
        }
        if (mix.ci % vec != 0 || mix.co % vec != 0) return "the channels are not whole vectors";
        const double blocks = 1.0 * blocks_of(window.x.out, columns) *
                              blocks_of(window.y.out, rows) * window.n *
                              blocks_of(mix.co, kChannels);
        return blocks > INT32_MAX ? "there are 2^31 blocks or more" : nullptr;
    }

    static int blocks_of(int extent, int size) { return (extent + size - 1) / size; }
};

}  // namespace convwright
