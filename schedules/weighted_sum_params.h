// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedules/conv2d_params.h"

namespace convwright {

/// Knobs of the fused CPU schedule of the weighted sum, channels_last. Lanes are output channels in
/// both steps. A register tile of the pointwise step is `vec` native vectors times `tile` columns;
/// the others are those of the depthwise step (stage 3 of Conv2dCpuParams, one vector of groups).
struct WeightedSumCpuParams {
    /// Raised when the same knobs come to mean another kernel: earlier measurements are stale then.
    static constexpr int kVersion = 1;
    int vec = 2;
    int tile = 8;
    int out_tile = 4;                        ///< Columns of the depthwise register tile.
    int taps_x = 0, taps_y = 0, stride = 0;  ///< Compiled in; 0: any.

    static const std::vector<Knob<WeightedSumCpuParams>> &knobs() {
        using P = WeightedSumCpuParams;
        static const std::vector<Knob<P>> table = {
            {"vec", &P::vec, {1, 2}},
            {"tile", &P::tile, {1, 2, 4, 6, 7, 8, 14}},
            {"out_tile", &P::out_tile, {4, 7, 8}},
            {"taps_x", &P::taps_x, {0, 1, 2, 3, 4, 5, 7}},
            {"taps_y", &P::taps_y, {0, 3}},
            {"stride", &P::stride, {0, 1, 2}},
        };
        return table;
    }

    Conv2dCpuParams depthwise() const {
        Conv2dCpuParams p;
        p.lane = Conv2dCpuParams::kGroups, p.vec = 1, p.tile = out_tile;
        p.stage = Conv2dCpuParams::kMasked;
        p.taps_x = taps_x, p.taps_y = taps_y, p.stride = stride;
        return p;
    }
    Conv2dCpuParams pointwise() const {
        Conv2dCpuParams p;
        p.vec = vec, p.tile = tile, p.stage = Conv2dCpuParams::kDirect;
        return p;
    }

    /// Null if this schedule computes the two passes on `isa`, else why not. `mix` is the pointwise
    /// pass, `window` the depthwise one.
    const char *why_illegal(const ConvPass &mix, const ConvPass &window, Isa isa) const {
        if (const char *why = pointwise().why_illegal(mix, Format::kNhwc, isa)) return why;
        return depthwise().why_illegal(window, Format::kNhwc, isa);
    }
};

}  // namespace convwright
