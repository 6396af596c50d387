// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_problem.h"
#include "runtime/isa.h"
#include "schedules/knobs.h"

namespace convwright {

/// Knobs of the CPU schedule of wgrad. A register tile is `vec` native vectors of output channels
/// (lane 0) or of groups (lane 2, depthwise) times `tile` input channels times taps_x x taps_y taps;
/// it stays in registers while a chunk of output pixels streams by. Taps fill the tile where there
/// are few input channels.
struct Conv2dWgradCpuParams {
    static constexpr int kChannels = 0, kGroups = 2;

    int lane = kChannels;
    int vec = 2;   ///< Native vectors.
    int tile = 8;  ///< Input channels; 1 for lane 2.
    int taps_x = 1, taps_y = 1;

    int accumulators() const { return vec * tile * taps_x * taps_y; }  ///< In native vectors.

    static const std::vector<Knob<Conv2dWgradCpuParams>> &knobs() {
        using P = Conv2dWgradCpuParams;
        static const std::vector<Knob<P>> table = {
            {"lane", &P::lane, {kChannels, kGroups}},
            {"vec", &P::vec, {1, 2, 3, 4}},
            {"tile", &P::tile, {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16}},
            {"taps_x", &P::taps_x, {1, 3, 5, 7}},
            {"taps_y", &P::taps_y, {1, 3, 5}},
        };
        return table;
    }

    /// Null if this schedule computes `problem` on `isa`, else why not.
    const char *why_illegal(const ConvProblem &problem, Isa isa) const {
        if (accumulators() + vec + 1 > vector_registers(isa)) {
            return "the register tile would spill";
        }
        if (problem.kw % taps_x != 0 || problem.kh % taps_y != 0) {
            return "the taps are not whole tiles";
        }
        if (lane == kChannels) return nullptr;
        if (tile != 1) return "a group has one input channel";
        return problem.groups == problem.ci && problem.groups == problem.co ? nullptr
                                                                            : "not depthwise";
    }
};

}  // namespace convwright
