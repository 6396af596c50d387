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
    const int g_lanes = lanes / p.group, g_size = p.vec * g_lanes;
    Var q_t("q_t"), q_o("q_o"), task("task"), l_g("l_g"), l_c("l_c");
    Var kx_o("kx_o"), kx_i("kx_i"), ky_o("ky_o"), ky_i("ky_i"), ci_o("ci_o"), ci_i("ci_i");

    const auto tiles = [&](Halide::Stage stage) {
        stage.split(a.kx, kx_o, kx_i, p.taps_x, TailStrategy::RoundUp)
            .split(a.ky, ky_o, ky_i, p.taps_y, TailStrategy::RoundUp)
            .split(a.ci, ci_o, ci_i, p.tile, TailStrategy::RoundUp)
            .split(a.l, l_g, l_c, p.group, TailStrategy::RoundUp)
            .split(a.q, q_t, q_o, task_tiles, TailStrategy::GuardWithIf);
    };
    const auto registers = [&](Halide::Stage stage, const Var &channel, const Var &g, const Var &ci,
                               const Var &kx, const Var &ky) {
        // A vector is `group` channels of g_lanes groups.
        if (p.group > 1) stage.vectorize(channel);
        if (g_lanes > 1) stage.vectorize(g, g_lanes);
        stage.unroll(g).unroll(ci).unroll(kx).unroll(ky);
    };
    const auto tasks = [&](Halide::Stage stage) {
        stage.fuse(q_t, a.py, task).fuse(task, a.pn, task);  // not `other`: see conv2d_wgrad.cpp
        stage.parallel(task).parallel(a.other).unroll(ci_o).never_partition_all();
    };
    a.partial.bound(a.ci, 0, p.group);
    tiles(a.partial);
    a.partial.reorder(
        {l_c, l_g, ci_i, kx_i, ky_i, kx_o, ky_o, ci_o, q_o, q_t, a.py, a.pn, a.other});
    registers(a.partial, l_c, l_g, ci_i, kx_i, ky_i);
    tasks(a.partial);
    tiles(a.partial.update());
    a.partial.update().reorder({l_c, l_g, ci_i, kx_i, ky_i, kx_o, ky_o, ci_o, q_o, a.r_band,
                                a.r_block, q_t, a.py, a.pn, a.other});
    registers(a.partial.update(), l_c, l_g, ci_i, kx_i, ky_i);
    tasks(a.partial.update());

    // All constant, or the sums are an array in memory.
    a.sum.bound_extent(a.co, p.group).bound_extent(a.g, g_size).bound_extent(a.ci, p.tile);
    a.sum.bound_extent(a.kx, p.taps_x).bound_extent(a.ky, p.taps_y);
    a.sum.compute_at(a.partial, kx_o);
    a.sum.reorder_storage(a.co, a.g, a.ci, a.kx, a.ky, a.band, a.block);
    a.sum.reorder(a.co, a.g, a.ci, a.kx, a.ky).never_partition_all();
    registers(a.sum, a.co, a.g, a.ci, a.kx, a.ky);
    Halide::Stage update = a.sum.update();
    RVar x_o("r_x_o"), x_i("r_x_i");
    update.split(a.r_x, x_o, x_i, p.unroll, TailStrategy::GuardWithIf)
        .reorder(a.co, a.g, a.ci, a.kx, a.ky, x_i, x_o, a.r_y, a.r_n)
        .unroll(x_i)
        .never_partition_all();
    registers(update, a.co, a.g, a.ci, a.kx, a.ky);
    update.partition(x_o, Partition::Always);
    if (!p.spreads(lanes)) return;
    // Whole vectors of pixels, spread over the lanes of each group channel by channel: depthwise.cpp.
    a.pixels.compute_at(a.sum, x_o)
        .bound(a.ci, 0, p.group)
        .bound_extent(a.g, g_size)
        .bound_extent(a.x, (p.unroll - 1) * p.stride + p.taps_x)
        .bound_extent(a.y, 1)
        .reorder(a.ci, a.g, a.x)
        .vectorize(a.ci)
        .vectorize(a.g, g_lanes)
        .unroll(a.g)
        .unroll(a.x)
        .never_partition_all();
}

}  // namespace convwright
