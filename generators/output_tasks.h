// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/fast_division.h"
#include "generators/short_floats.h"

namespace convwright {

/// `e`, which lies in [0, extent) where it counts: bounds inference cannot see it.
inline Halide::Expr promised(const Halide::Expr &e, const Halide::Expr &extent) {
    return unsafe_promise_clamped(e, 0, extent - 1);
}

/// All outputs of a convolution counted by one index of tasks, for kernels whose threads need no
/// tile: a task is one channel and kPixels pixels of it. Channel and pixel run over all groups and
/// all images, so that neither small images nor narrow groups leave threads idle.
struct OutputTasks {
    static constexpr int kPixels = 4, kLanes = 32, kBlock = 128;  ///< kBlock: tasks.
    bool channels_first = true;  ///< Neighbouring tasks are neighbouring channels, else pixels.
    Halide::Expr groups, images, pixels;  ///< pixels: of all images.
    FastDivision columns, rows;
    FastDivision channels;  ///< Of all groups.
    FastDivision group;     ///< Channels of one.
    FastDivision strips;    ///< Of kLanes tasks with the pixels of one channel.

    /// Where pixel number `i` of a task lies; what is outside has the coordinates of something inside.
    struct Place {
        Halide::Expr channel, pixel, inside;
        Halide::Expr co, g, x, y, n;
    };
    Place place(const Halide::Expr &task, const Halide::Expr &i) const;
    Halide::Expr blocks() const;
};

inline OutputTasks::Place OutputTasks::place(const Halide::Expr &task,
                                             const Halide::Expr &i) const {
    Place at;
    if (channels_first) {
        const Halide::Expr strip = channels.quotient(task);
        at.channel = channels.remainder(task, strip);
        at.pixel = strip * kPixels + i;
        at.inside = at.pixel < pixels;
    } else {
        const Halide::Expr warp = task / kLanes, channel = strips.quotient(warp);
        const Halide::Expr strip = strips.remainder(warp, channel);
        at.pixel = (strip * kPixels + i) * kLanes + task % kLanes;
        at.inside = at.pixel < pixels && channel < channels.divisor;
        at.channel = min(channel, channels.divisor - 1);
    }
    const Halide::Expr row = columns.quotient(at.pixel), image = rows.quotient(row);
    at.x = promised(columns.remainder(at.pixel, row), columns.divisor);
    at.y = promised(rows.remainder(row, image), rows.divisor);
    at.n = promised(image, images);
    const Halide::Expr number = group.quotient(at.channel);
    at.g = promised(number, groups);
    at.co = promised(group.remainder(at.channel, number), group.divisor);
    return at;
}

inline Halide::Expr OutputTasks::blocks() const {
    const Halide::Expr strip_count = (pixels + kPixels - 1) / kPixels;
    const Halide::Expr tasks = channels_first ? channels.divisor * strip_count
                                              : channels.divisor * strips.divisor * kLanes;
    return (tasks + kBlock - 1) / kBlock;
}

/// The bias of a channel. No bias is one of extent 0, and none of its memory is read.
inline Halide::Expr bias_of(const Halide::Func &bias, const Halide::Expr &bias_extent,
                            const Halide::Expr &channel, DType dtype = DType::kF32) {
    // A branch, not a select: that might read in front of its condition.
    return Halide::Internal::Call::make(
        Halide::Float(32), Halide::Internal::Call::if_then_else,
        {bias_extent > 0, widened(bias(promised(channel, bias_extent)), dtype), 0.0f},
        Halide::Internal::Call::PureIntrinsic);
}

/// What is stored of a sum without its bias: with it, and not below `floor`, rounded once; a NaN stays
/// one. `dtype`: of what is stored and of the bias.
inline Halide::Expr conv_epilogue(const Halide::Expr &sum, const Halide::Func &bias,
                                  const Halide::Expr &bias_extent, const Halide::Expr &channel,
                                  const Halide::Expr &floor, DType dtype = DType::kF32) {
    const Halide::Expr total = sum + bias_of(bias, bias_extent, channel, dtype);
    // Strict, or the comparison may assume that there is no NaN and make a maximum that loses it.
    return rounded(Halide::strict_float(select(total < floor, floor, total)), dtype);
}

}  // namespace convwright
