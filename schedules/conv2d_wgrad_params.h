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
    /// Raised when the same knobs come to mean another kernel: earlier measurements are stale then.
    static constexpr int kVersion = 2;
    static constexpr int kChannels = 0, kGroups = 2;
    static constexpr int kDirect = 0, kFrame = 1, kMasked = 3, kFolded = 4, kFoldedCopied = 5;

    int lane = kChannels;
    int vec = 2;   ///< Native vectors.
    int tile = 8;  ///< Input channels; for lane 2 of `group`.
    int taps_x = 1, taps_y = 1;
    /// 0: both operands are read in place, for one tap without padding (lane 0); 1: chunks of them
    /// are copied, the input in a frame of zeros; 3: they are read in place, what lies outside is
    /// masked (lane 2). Rows taken for a single channel of width iw * ci, so that taps_x counts the taps
    /// and input channels of a row (lane 0, one group; conv_pass.h, folded()): 4: such rows of the input
    /// are copied, the gradient is read in place; 5: both are copied. Where the gradient is read in
    /// place the last panel moves back to end with the last channel.
    int stage = kFrame;
    int unroll = 1;  ///< Output columns side by side, which share input columns (stage 3).
    int stride =
        0;  ///< Stride of both axes, with dilation 1, that is compiled in; 0: any (stage 3).

    /// Input and output channels of a group that are compiled in: lanes are the channels of several
    /// groups (lane 2; more than 1: stage 3).
    int group = 1;

    /// Whether a vector of pixels is read whole and each channel spread over the lanes of its group.
    bool spreads(int lanes) const { return group > 1 && group < lanes && stride != 0; }

    bool folds() const { return stage == kFolded || stage == kFoldedCopied; }
    bool copies_gradient() const { return stage == kFrame || stage == kFoldedCopied; }
    /// Taps of a row of the weight as the schedule counts them.
    int64_t row_taps(const ConvProblem &p) const { return folds() ? p.kw * p.ci : p.kw; }
    /// Input channels of a group, counted so.
    int64_t row_channels(const ConvProblem &p) const { return folds() ? 1 : p.ci / p.groups; }
    int accumulators() const { return vec * tile * taps_x * taps_y; }  ///< In native vectors.

    static const std::vector<Knob<Conv2dWgradCpuParams>> &knobs() {
        using P = Conv2dWgradCpuParams;
        static const std::vector<Knob<P>> table = {
            {"lane", &P::lane, {kChannels, kGroups}},
            {"vec", &P::vec, {1, 2, 3, 4}},
            {"tile", &P::tile, {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16}},
            {"taps_x", &P::taps_x, {1, 3, 4, 5, 7, 9, 12, 15, 30}},
            {"taps_y", &P::taps_y, {1, 3, 5}},
            {"stage", &P::stage, {kDirect, kFrame, kMasked, kFolded, kFoldedCopied}},
            {"unroll", &P::unroll, {1, 2, 4, 8}},
            {"stride", &P::stride, {0, 1, 2}},
            {"group", &P::group, {1, 2, 4, 8}},
        };
        return table;
    }

    /// Null if this schedule computes `problem` on `isa`, else why not.
    const char *why_illegal(const ConvProblem &problem, Isa isa) const {
        if (accumulators() + vec + 1 > vector_registers(isa)) {
            return "the register tile would spill";
        }
        // Masked tiles may run over the last tap: what they sum there is dropped.
        if ((problem.kw % taps_x != 0 && stage != kMasked && !folds()) ||
            problem.kh % taps_y != 0) {
            return "the taps are not whole tiles";
        }
        if (lane == kChannels && group != 1)
            return "channels of a group are compiled in for groups";
        if (stage != kMasked && (unroll != 1 || stride != 0)) return "frames have any stride";
        if (stage == kDirect) return why_not_in_place(problem, isa);
        if (folds()) return why_not_folded(problem, isa);
        if (lane == kChannels) return stage == kMasked ? "masks are for groups" : nullptr;
        if (group % tile != 0) return "tiles do not divide the input channels of a group";
        if (problem.groups * group != problem.ci || problem.groups * group != problem.co) {
            return group == 1 ? "not depthwise" : "groups of other channels are compiled in";
        }
        if (group != 1 && stage != kMasked) return "channels of several groups are masked";
        if (stage == kFrame) return nullptr;
        if (taps_y != 1) return "rows are not masked";
        if (stride != 0 && (problem.stride_w != stride || problem.stride_h != stride ||
                            problem.dilation_w != 1 || problem.dilation_h != 1)) {
            return "another stride is compiled in";
        }
        if (problem.format != Format::kNhwc) return "the lanes are not dense";
        return problem.co < vec * vector_lanes(isa) ? "there are fewer channels than lanes"
                                                    : nullptr;
    }

private:
    const char *why_not_folded(const ConvProblem &p, Isa isa) const {
        if (lane != kChannels || p.format != Format::kNhwc) return "rows are not dense";
        if (p.groups != 1 || p.dilation_w != 1 || p.kw == 1) return "rows of taps are not dense";
        if (tile != 1) return "folded rows have a single channel";
        if (taps_x >= 2 * row_taps(p)) return "the taps fill less than half of a tile";
        return stage == kFolded && p.co < vec * vector_lanes(isa)
                   ? "there are fewer channels than lanes"
                   : nullptr;
    }
    const char *why_not_in_place(const ConvProblem &p, Isa isa) const {
        if (lane != kChannels || p.format != Format::kNhwc) return "the lanes are not dense";
        if (p.kh != 1 || p.kw != 1) return "there is more than one tap";
        if (p.pad_h != 0 || p.pad_w != 0) return "there is padding";
        if (p.ci / p.groups % tile != 0) return "the input channels are not whole tiles";
        return p.co / p.groups < vec * vector_lanes(isa) ? "there are fewer channels than lanes"
                                                         : nullptr;
    }
};

}  // namespace convwright
