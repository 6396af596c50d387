// SPDX-License-Identifier: Apache-2.0
#include "schedules/cpu/conv2d.h"

namespace convwright {

using Halide::TailStrategy;
using Halide::Var;
using P = Conv2dCpuParams;

void vectorize_channels(Halide::Stage copy, const Var &channel, const Halide::Expr &channels,
                        int lanes) {
    const auto whole = TailStrategy::RoundUp;
    copy.specialize(channels == lanes).vectorize(channel, lanes, whole);
    for (int width = lanes; width >= 4; width /= 2)
        copy.specialize(channels % width == 0).vectorize(channel, width, whole);
    copy.vectorize(channel, lanes, TailStrategy::GuardWithIf);
}

/// The scratch stays in L2 (the dispatcher sizes tasks for that), so zeros cost no test inside the
/// loops over channels.
void schedule_frame(Halide::Func &frame, const FrameLoops &loops, const ConvSum &a, const P &p,
                    int lanes, const Var &task) {
    const TailStrategy tail = TailStrategy::GuardWithIf;
    frame.compute_at(a.out, task);
    Halide::Stage zeros = frame.update(0), rows = frame.update(1);
    if (p.lane == P::kColumns || p.stage == P::kFolded) {
        frame.reorder_storage(a.x, a.ci, a.y, a.g, a.n);
        zeros.reorder(loops.all, a.ci, a.y, a.g, a.n).vectorize(loops.all, lanes, tail);
        rows.reorder(loops.row, a.ci, a.y, a.g, a.n).vectorize(loops.row, lanes, tail);
    } else if (p.lane == P::kGroups) {
        frame.reorder_storage(a.g, a.ci, a.x, a.y, a.n);
        const TailStrategy whole = TailStrategy::RoundUp;
        zeros.reorder(a.g, a.ci, loops.all, a.y, a.n).vectorize(a.g, lanes, whole);
        rows.reorder(a.g, a.ci, loops.row, a.y, a.n).vectorize(a.g, lanes, whole);
    } else {
        zeros.reorder(a.ci, loops.all, a.y, a.g, a.n).vectorize(a.ci, lanes, tail);
        vectorize_channels(rows.reorder(a.ci, loops.row, a.y, a.g, a.n), a.ci, loops.channels,
                           lanes);
    }
}

OutputTiles split_into_tasks(ConvSum &a, const P &p, const ConvTask &size, int c_size, int x_size,
                             const Var &task) {
    OutputTiles t;
    Var c_t("c_t"), c_o("c_o"), x_t("x_t"), y_t("y_t"), y_i("y_i");
    const bool columns = p.lane == P::kColumns;
    const Var channel = p.lane == P::kGroups ? a.g : a.co;
    const Var other = p.lane == P::kGroups ? a.co : a.g;
    // In place, the last tile of a row moves back so that nothing behind the input is read; from a
    // frame it runs over into zeros, and only its stores are guarded.
    const TailStrategy x_tail =
        p.stage == P::kDirect ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf;
    a.out.split(channel, c_o, t.c_i, c_size, TailStrategy::GuardWithIf)
        .split(a.x, t.x_o, t.x_i, x_size, x_tail)
        .split(c_o, c_t, c_o, size.channel_tiles, TailStrategy::GuardWithIf)
        .split(t.x_o, x_t, t.x_o, size.column_tiles, TailStrategy::GuardWithIf)
        .split(a.y, y_t, y_i, size.rows, TailStrategy::GuardWithIf)
        .reorder(columns ? t.x_i : t.c_i, columns ? t.c_i : t.x_i, t.x_o, y_i, c_o, c_t, x_t, y_t,
                 other, a.n)
        .fuse(c_t, x_t, task)
        .fuse(task, y_t, task)
        .fuse(task, other, task)
        .fuse(task, a.n, task)
        .parallel(task)
        .never_partition_all();  // a partition would copy the whole kernel for its edges

    // Guarded stores make the required region ragged; the bound keeps the accumulators a constant
    // array, which is what lets them live in registers.
    a.conv.bound_extent(channel, c_size).bound_extent(a.x, x_size).compute_at(a.out, t.x_o);
    return t;
}

/// vec * tile accumulators per register tile. Inside a task one panel of weights, the outermost
/// loop, is used for all of the task's pixels while it is in L1 or L2. 64 -> 64 channels, 3x3 at
/// 56x56 runs at 0.9 of the FMA peak of an AVX-512 core with 2 x 7, 2 x 8 and 2 x 14 tiles.
void schedule_conv_tiles(ConvSum &a, const P &p, const ConvTask &size, int lanes, const Var &task) {
    const Var channel = p.lane == P::kGroups ? a.g : a.co;
    const bool columns = p.lane == P::kColumns;
    const OutputTiles t = split_into_tasks(a, p, size, columns ? p.tile : p.vec * lanes,
                                           columns ? p.vec * lanes : p.tile, task);
    const Var lane = columns ? a.x : channel, lane_i = columns ? t.x_i : t.c_i;
    const Var tile = columns ? channel : a.x, tile_i = columns ? t.c_i : t.x_i;
    a.out.vectorize(lane_i, lanes).unroll(lane_i).unroll(tile_i);
    if (p.lane == P::kColumns) a.conv.reorder_storage(a.x, a.co, a.g, a.y, a.n);
    if (p.lane == P::kGroups) a.conv.reorder_storage(a.g, a.co, a.x, a.y, a.n);
    a.conv.reorder(lane, tile).vectorize(lane, lanes).unroll(lane).unroll(tile);
    a.conv.update()
        .reorder(lane, tile, a.r_ci, a.r_kx, a.r_ky)
        .vectorize(lane, lanes)
        .unroll(lane)
        .unroll(tile);
    if (p.lane == P::kChannels && p.group != 1) a.conv.update().unroll(a.r_ci);
    if (p.taps_x != 0) a.conv.update().unroll(a.r_kx);
    if (p.taps_y != 0) a.conv.update().unroll(a.r_ky);
}

void schedule_conv2d_cpu(Conv2dFprop &a, const P &p, const ConvTask &size, int lanes) {
    const Var task("task");
    schedule_conv_tiles(a, p, size, lanes, task);
    if (p.stage == P::kGather) {
        a.columns.compute_at(a.out, task).reorder_storage(a.x, a.kx, a.ci, a.y, a.g, a.n);
        a.columns.update()
            .reorder(a.frame.all, a.kx, a.ci, a.y, a.g, a.n)
            .vectorize(a.frame.all, lanes, TailStrategy::GuardWithIf);
    } else if (p.stage != P::kDirect) {
        schedule_frame(a.padded, a.frame, a, p, lanes, task);
    }
}

}  // namespace convwright
