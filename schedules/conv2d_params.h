// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_pass.h"
#include "runtime/isa.h"
#include "schedules/knobs.h"
#include "schedules/winograd_tile.h"

namespace convwright {

/// Knobs of the CPU schedule of the convolution engine (fprop, and dgrad pass by pass). A register
/// tile is `vec` native vectors along the lanes' dimension times `tile` along the other one:
///   lane 0: lanes are output channels, tile counts columns   (channels_last; contiguous with
///           rows shorter than a vector, where the frame is turned over and stores are scattered)
///   lane 1: lanes are columns, tile counts output channels   (contiguous)
///   lane 2: lanes are groups, tile counts columns            (channels_last, depthwise; with `group`
///           channels in each group, lanes are the channels of several groups)
///   lane 3: lanes are taps and input channels of a row, whose sums are added up at the end of a tile of
///           `vec` output channels times `tile` columns (channels_last, fewer output channels than lanes)
/// Activations are stored as float32 or bfloat16; whatever is staged is float32.
struct Conv2dCpuParams {
    /// Raised when the same knobs come to mean another kernel: earlier measurements are stale then.
    static constexpr int kVersion = 1;
    static constexpr int kChannels = 0, kColumns = 1, kGroups = 2, kSummed = 3;
    static constexpr int kDirect = 0, kFrame = 1, kGather = 2, kMasked = 3, kFolded = 4,
                         kWinograd = 5;

    int lane = kChannels;
    int vec = 2;   ///< Native vectors; output channels for lane 3.
    int tile = 8;  ///< Columns, or output channels for lane 1.
    /// What a task copies of its input before it starts. 0: nothing, so there must be no padding;
    /// 1: its rows in their frame of zeros; 2: the same once per tap of a row, so that columns
    /// read at a stride lie side by side (lane 1); 3: nothing, what lies outside is masked (lane 2);
    /// 4: its rows as 1, taken for a single channel of width iw * ci, so that a row of taps is one
    /// loop over all of kw * ci (lanes 0 and 3, one group; conv_pass.h, folded());
    /// 5: its rows as 1, transformed to Winograd tiles of 2 x 2 outputs, so that `tile` counts tiles (lane 0,
    /// 3 x 3 taps, stride 1; whole vectors of input channels).
    int stage = kFrame;
    /// Taps of each axis, with dilation 1, and the stride of both that are compiled in; 0: any
    /// (lane 2, stage 3; lane 1, stage 1: depthwise).
    int taps_x = 0, taps_y = 0, stride = 0;
    /// Channels of a group that are compiled in: input and output ones (lane 2, stage 3), or input ones
    /// with a stride, so that columns need no pointers of their own (lane 0, stages 0 and 1).
    int group = 1;
    int strided_out = 0;  ///< 1: output columns are not dense (dgrad of a strided lane 1 problem).

    static const std::vector<Knob<Conv2dCpuParams>> &knobs() {
        using P = Conv2dCpuParams;
        static const std::vector<Knob<P>> table = {
            {"lane", &P::lane, {kChannels, kColumns, kGroups, kSummed}},
            {"vec", &P::vec, {1, 2, 3, 4}},
            {"tile", &P::tile, {1, 2, 4, 5, 6, 7, 8, 10, 12, 14, 16}},
            {"stage", &P::stage, {kDirect, kFrame, kGather, kMasked, kFolded, kWinograd}},
            {"taps_x", &P::taps_x, {0, 1, 2, 3, 4, 5, 7}},
            {"taps_y", &P::taps_y, {0, 3}},
            {"stride", &P::stride, {0, 1, 2}},
            {"group", &P::group, {1, 2, 4, 8, 16, 32}},
            {"strided_out", &P::strided_out, {0, 1}},
        };
        return table;
    }

    /// Whether a vector of pixels is read whole and each channel spread over the lanes of its group.
    bool spreads(int lanes) const {
        return group > 1 && group < lanes && taps_x != 0 && stride != 0;
    }

    bool winograd() const { return stage == kWinograd; }

    /// Output columns of a register tile that counts columns.
    int columns() const { return winograd() ? WinogradTile::kWritten * tile : tile; }

    /// Output channels in one packed panel of the weight.
    int panel(int lanes) const {
        if (lane == kChannels) return vec * lanes;
        return lane == kColumns ? tile : lane == kSummed ? vec : group;
    }

    /// Null if this schedule computes `pass` on `isa`, else why not. The schedules rely on it: they
    /// check nothing again at run time.
    const char *why_illegal(const ConvPass &pass, Format format, Isa isa) const {
        // Accumulators, a row of the vectors they share and one broadcast value.
        if (vec * tile + vec + 1 > vector_registers(isa)) return "the register tile would spill";
        if (const char *why = why_not_dense(format)) return why;
        if (lane == kGroups && (pass.ci != group || pass.co != group)) {
            return group == 1 ? "not depthwise" : "groups of other channels are compiled in";
        }
        if (group != 1) {
            if (const char *why = why_not_compiled_in(pass, isa)) return why;
        }
        if (!matches(pass.x, taps_x) || !matches(pass.y, taps_y)) {
            return "other taps are compiled in";
        }
        if (stride != 0 && (pass.x.stride != stride || pass.y.stride != stride)) {
            return "another stride is compiled in";
        }
        if (lane == kSummed) {
            if (stage != kFolded) return "lanes of input channels are read from folded rows";
            if (pass.co % vec != 0) return "the output channels are not whole tiles";
            if (pass.co >= vector_lanes(isa)) return "the output channels fill vectors";
        }
        if (lane != kColumns && strided_out) return "channels are always stored dense";
        if (stage == kMasked) {
            if (lane != kGroups) return "masks are for groups";
            return pass.groups * group < vec * vector_lanes(isa)
                       ? "there are fewer channels than lanes"
                       : nullptr;
        }
        if (lane != kColumns && stage == kGather) return "only columns are gathered";
        if (stage == kFolded) {
            if ((lane != kChannels && lane != kSummed) || format != Format::kNhwc)
                return "rows are not dense";
            if (taps_x != 0 || stride != 0) return "folded rows have taps and strides of their own";
            return can_fold(pass) ? nullptr : "rows of taps are not dense";
        }
        if (winograd()) return why_not_winograd(pass, format, isa);
        if (lane == kColumns && stage != kGather && pass.x.stride != 1 && stride == 0)
            return "columns are strided";
        if (lane == kColumns && taps_x != 0 && (pass.ci != 1 || pass.co != 1)) {
            return "taps of columns are compiled in for depthwise";
        }
        if (lane == kColumns && (pass.x.out_step != 1) != (strided_out != 0)) {
            return "the output's columns are stored another way";
        }
        if (stage != kDirect) return nullptr;
        if (lane == kGroups) return "groups behind the last one are read from the frame";
        if (pass.x.out < (lane == kColumns ? vec * vector_lanes(isa) : tile)) {
            return "the row is shorter than the register tile";
        }
        return reads_inside(pass.x) && reads_inside(pass.y) ? nullptr : "there is padding";
    }

    /// Null if the schedule can find its lanes in memory of this format, else why not.
    const char *why_not_dense(Format format) const {
        if (lane == kChannels && format == Format::kNchw) {
            return stage == kFrame ? nullptr : "the lanes are not dense without a frame";
        }
        return (lane == kColumns) == (format == Format::kNchw) ? nullptr
                                                               : "the lanes are not dense";
    }

    /// Null if the schedule can read and write activations of this type, else why not.
    const char *why_not_stored(DType dtype) const {
        if (winograd() && dtype != DType::kF32) return "only float32 is transformed";
        return dtype == DType::kF32 || stage != kDirect ? nullptr : "nothing converts the input";
    }

private:
    const char *why_not_winograd(const ConvPass &pass, Format format, Isa isa) const {
        if (lane != kChannels || format != Format::kNhwc)
            return "tiles are transformed in whole pixels";
        if (taps_x != 0 || stride != 0) return "tiles have taps and strides of their own";
        if (!matches(pass.x, 3) || !matches(pass.y, 3)) return "not 3 x 3 taps";
        if (pass.x.stride != 1 || pass.y.stride != 1) return "the taps are strided";
        return pass.ci % vector_lanes(isa) == 0 ? nullptr
                                                : "the input channels are not whole vectors";
    }
    const char *why_not_compiled_in(const ConvPass &pass, Isa isa) const {
        if (lane == kChannels && (stage == kFrame || stage == kDirect) && stride != 0 &&
            taps_x == 0 && taps_y == 0) {
            return pass.ci == group && pass.x.dilation == 1
                       ? nullptr
                       : "groups of other channels are compiled in";
        }
        if (lane != kGroups || stage != kMasked) return "channels of several groups are masked";
        return group < vector_lanes(isa) ? nullptr : "a group fills a vector";
    }
    static bool matches(const PassAxis &a, int taps) {
        return taps == 0 || (a.taps.count == taps && a.dilation == 1);
    }
    static bool reads_inside(const PassAxis &a) {
        return a.pad == 0 && (a.out - 1) * a.stride + (a.taps.count - 1) * a.dilation < a.in;
    }
};

}  // namespace convwright
