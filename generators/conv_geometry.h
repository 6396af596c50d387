// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/stored_values.h"

namespace convwright {

/// How an algorithm reads positions outside the input, which are zeros.
enum class Padding {
    kNone,      ///< There are none.
    kFrame,     ///< From a copy with zeros around it, staged by the schedule.
    kGathered,  ///< The same, for a schedule that does not copy whole rows.
    kMasked,  ///< In place: columns under a mask that is one bit for a whole vector of channels, rows
              ///< by the loop bounds. No copy, but only where lanes are channels or groups.
};

/// Sizes of one convolution as Halide expressions: constants in a specialised kernel, run-time
/// values in a generic one. Units are elements. Dilation 1 is dense.
struct ConvGeometry {
    Halide::Expr ci, co;  ///< Channels of one group.
    Halide::Expr groups;
    Halide::Expr iw, ih;  ///< Input columns and rows.
    Halide::Expr kw, kh;  ///< Taps.
    Halide::Expr stride_x, stride_y;
    Halide::Expr pad_x, pad_y;  ///< Leading zeros; negative values skip input.
    Halide::Expr dilation_x, dilation_y;
    Halide::Expr tiled_ow;  ///< Output columns in whole register tiles, where a frame is read.
    Padding padding = Padding::kFrame;
};

/// Whether row y of the padded input is one of the input.
inline Halide::Expr rows_inside(const ConvGeometry &geo, Halide::Expr y) {
    const Halide::Expr sy = y - geo.pad_y;
    return likely(sy >= 0) && likely(sy < geo.ih);
}

/// input with zeros outside its columns and rows, indexed from the padded corner:
///   result(ci, g, x, y, n) = input(ci, g, x - pad_x, y - pad_y, n), 0 outside.
/// Groups behind the last one repeat it: they fill up vectors of groups and are never stored.
/// By hand: a BoundaryConditions helper adds a Func and partitions loops at each edge.
inline Halide::Expr zero_padded(const Halide::Func &input, const ConvGeometry &geo, Halide::Expr ci,
                                Halide::Expr g, Halide::Expr x, Halide::Expr y, Halide::Expr n) {
    const Halide::Expr sx = x - geo.pad_x, sy = y - geo.pad_y;
    const Halide::Expr pixel = input(ci, clamp(g, 0, geo.groups - 1), clamp(sx, 0, geo.iw - 1),
                                     clamp(sy, 0, geo.ih - 1), n);
    return select(sx >= 0 && sx < geo.iw && sy >= 0 && sy < geo.ih, to_float(pixel), 0.0f);
}

/// The loops over columns that fill a frame: of all of it, and of an input row.
struct FrameLoops {
    Halide::RVar all, row;
    Halide::Expr channels;  ///< Of a group.
};

/// Stored bfloat16 is staged as float32, anything else as it is.
inline Halide::Expr to_frame(Halide::Expr stored) {
    return stored.type() == Halide::UInt(16) ? to_float(stored) : stored;
}

/// frame(...) = zero_padded(...) in two steps: zeros, and over them the rows that exist, without a
/// condition for each element. `columns` of them, whatever the consumer is said to need: register tiles
/// run over the last output column, and what they read there must not be chance denormals, which cost
/// 150 cycles each (5x5 on 14x14 took 4 times as long). Rows are filled as needed. Channels behind the
/// last one are zeros if `more_channels` of them may be read.
inline FrameLoops fill_frame(Halide::Func frame, const Halide::Func &input, const ConvGeometry &geo,
                             const Halide::Expr &columns, const Halide::Var &ci,
                             const Halide::Var &g, const Halide::Var &x, const Halide::Var &y,
                             const Halide::Var &n, bool more_channels = false) {
    const Halide::Type type = input.type() == Halide::UInt(16) ? Halide::Float(32) : input.type();
    frame(ci, g, x, y, n) = Halide::undef(type);
    const Halide::RDom all(0, columns, "all");
    frame(ci, g, all, y, n) = Halide::cast(type, 0);
    const Halide::Expr skipped = max(-geo.pad_x, 0);
    Halide::RDom row(skipped, max(geo.iw - skipped, 0), "row");
    row.where(rows_inside(geo, y));
    Halide::Expr channel = ci;
    if (more_channels) {
        row.where(likely(ci < geo.ci));
        channel = unsafe_promise_clamped(ci, 0, geo.ci - 1);
    }
    frame(ci, g, row + geo.pad_x, y, n) = to_frame(
        input(channel, clamp(g, 0, geo.groups - 1), row, clamp(y - geo.pad_y, 0, geo.ih - 1), n));
    return {all, row, geo.ci};
}

/// zero_padded() read in place, for a row that rows_inside(). The hints let a schedule split off the
/// tiles at the edges; LLVM makes masked loads of them there, and plain ones in between. Rows are not
/// part of the mask: a condition on both axes is true over no range of either alone, and no loop could
/// be split.
inline Halide::Expr masked_column(const Halide::Func &input, const ConvGeometry &geo,
                                  Halide::Expr ci, Halide::Expr g, Halide::Expr x, Halide::Expr y,
                                  Halide::Expr n) {
    const Halide::Expr sx = x - geo.pad_x, sy = y - geo.pad_y;
    const Halide::Expr pixel = input(ci, g, clamp(likely(sx), 0, geo.iw - 1),
                                     unsafe_promise_clamped(sy, 0, geo.ih - 1), n);
    return select(likely(sx >= 0) && likely(sx < geo.iw), to_float(pixel), 0.0f);
}

/// The same for any row. A row outside is made zeros by a mask of bits: as a condition it would become
/// one with that on the column, and as a loop bound it would make the extents of what is staged in
/// registers depend on it.
inline Halide::Expr masked_pixel(const Halide::Func &input, const ConvGeometry &geo,
                                 Halide::Expr ci, Halide::Expr g, Halide::Expr x, Halide::Expr y,
                                 Halide::Expr n) {
    const Halide::Expr sy = y - geo.pad_y;
    const Halide::Expr row =
        select(sy >= 0 && sy < geo.ih, Halide::Expr(~uint32_t{0}), Halide::Expr(uint32_t{0}));
    const Halide::Expr pixel =
        masked_column(input, geo, ci, g, x, clamp(sy, 0, geo.ih - 1) + geo.pad_y, n);
    return Halide::reinterpret<float>(Halide::reinterpret<uint32_t>(pixel) & row);
}

}  // namespace convwright
