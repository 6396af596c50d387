// SPDX-License-Identifier: Apache-2.0
#include "schedules/cpu/depthwise_wgrad.h"

namespace convwright {

using Halide::Partition;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

/// The vec * taps_x accumulators of a row of taps stay in registers while a chunk streams by. A chunk's
/// bytes come from memory once; its other rows of taps read them again from L1 or L2. All taps at
/// once would need a condition for each of their rows inside the loop over columns: 231 instructions
/// for 36 multiply-adds in place of 54 for 24.
/// `unroll` output columns share the input columns that they have in common, which matters most for
/// the addresses: all strides are run-time values. 64 channels at 32x32, batch 32, one AVX-512 core:
/// 3x3 1.1 ms, 5x5 2.1, 7x7 2.9, where reading everything once takes 0.55 ms.
void schedule_depthwise_wgrad_cpu(Conv2dWgrad &a, const Conv2dWgradCpuParams &p,
                                  Halide::Expr task_tiles, int lanes) {
    const int lane_size = p.vec * lanes;
    Var q_t("q_t"), q_o("q_o"), task("task");
    Var kx_o("kx_o"), kx_i("kx_i"), ky_o("ky_o"), ky_i("ky_i");

    const auto tiles = [&](Halide::Stage stage) {
        stage.split(a.kx, kx_o, kx_i, p.taps_x, TailStrategy::RoundUp)
            .split(a.ky, ky_o, ky_i, p.taps_y, TailStrategy::RoundUp)
            .split(a.q, q_t, q_o, task_tiles, TailStrategy::GuardWithIf)
            .vectorize(a.l, lanes)
            .unroll(a.l)
            .unroll(kx_i)
            .unroll(ky_i);
    };
    const auto tasks = [&](Halide::Stage stage) {
        stage.fuse(q_t, a.py, task).fuse(task, a.pn, task);  // not `other`: see conv2d_wgrad.cpp
        stage.parallel(task).parallel(a.other).never_partition_all();
    };
    tiles(a.partial);
    a.partial.reorder(a.l, kx_i, ky_i, kx_o, ky_o, a.ci, q_o, q_t, a.py, a.pn, a.other);
    tasks(a.partial);
    tiles(a.partial.update());
    a.partial.update().reorder(
        {a.l, kx_i, ky_i, kx_o, ky_o, a.ci, q_o, a.r_band, a.r_block, q_t, a.py, a.pn, a.other});
    tasks(a.partial.update());

    // All constant, or the sums are an array in memory.
    a.sum.bound_extent(a.g, lane_size).bound_extent(a.kx, p.taps_x).bound_extent(a.ky, p.taps_y);
    a.sum.bound_extent(a.co, 1).bound_extent(a.ci, 1);
    a.sum.compute_at(a.partial, kx_o);
    a.sum.reorder_storage(a.g, a.co, a.ci, a.kx, a.ky, a.band, a.block);
    const auto registers = [&](Halide::Stage stage) {
        stage.vectorize(a.g, lanes).unroll(a.g).unroll(a.kx).unroll(a.ky).never_partition_all();
    };
    registers(a.sum.reorder(a.g, a.kx, a.ky));
    Halide::Stage update = a.sum.update();
    RVar x_o("r_x_o"), x_i("r_x_i");
    update.split(a.r_x, x_o, x_i, p.unroll, TailStrategy::GuardWithIf);
    registers(update.reorder(a.g, a.kx, a.ky, x_i, x_o, a.r_y, a.r_n).unroll(x_i));
    update.partition(x_o, Partition::Always);
}

}  // namespace convwright
