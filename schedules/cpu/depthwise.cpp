// SPDX-License-Identifier: Apache-2.0
#include "schedules/cpu/depthwise.h"

namespace convwright {

using Halide::Partition;
using Halide::TailStrategy;
using Halide::Var;

/// vec * tile accumulators per register tile, all taps of a row compiled in so that a column stays in
/// a register from tap to tap. Groups are the inner loop: tile by tile whole pixels are read and
/// written as they lie in memory. 64 channels, 3x3 at 32x32, batch 32, one AVX-512 core: 0.65 ms
/// where reading and writing everything once takes 0.57; from frames it took 1.15, and a block of
/// groups at a time, each from a small frame, 1.0 to 1.25.
void schedule_depthwise_cpu(Conv2dFprop &a, const Conv2dCpuParams &p, const ConvTask &task,
                            int lanes) {
    Var g_o("g_o"), g_i("g_i"), x_o("x_o"), x_i("x_i"), y_t("y_t"), y_i("y_i"), t("task");
    const int g_size = p.vec * lanes;
    // The last vector of groups moves back over its neighbour, in the same task; the last tile of a
    // row runs over the edge, where loads are masked and stores guarded.
    a.out.split(a.g, g_o, g_i, g_size, TailStrategy::ShiftInwards)
        .split(a.x, x_o, x_i, p.tile, TailStrategy::GuardWithIf)
        .split(a.y, y_t, y_i, task.rows, TailStrategy::GuardWithIf)
        .reorder(g_i, x_i, g_o, x_o, y_i, y_t, a.co, a.n)
        .vectorize(g_i, lanes)
        .unroll(g_i)
        .unroll(x_i)
        .fuse(y_t, a.co, t)
        .fuse(t, a.n, t)
        .parallel(t)
        .never_partition_all()
        .partition(x_o, Partition::Always);  // tiles without an edge need no mask

    a.conv.bound_extent(a.g, g_size).bound_extent(a.x, p.tile).compute_at(a.out, g_o);
    a.conv.reorder_storage(a.g, a.co, a.x, a.y, a.n).never_partition_all();
    a.conv.reorder(a.g, a.x).vectorize(a.g, lanes).unroll(a.g).unroll(a.x);
    a.conv.update()
        .reorder(a.g, a.x, a.r_ci, a.r_kx, a.r_ky)
        .vectorize(a.g, lanes)
        .unroll(a.g)
        .unroll(a.x)
        .never_partition_all();
    if (p.taps_x != 0) a.conv.update().unroll(a.r_kx);
    if (p.taps_y != 0) {
        // Rows without an edge need no condition: 3x3 ran 1.1 times as fast.
        a.conv.update().unroll(a.r_ky);
        a.out.partition(y_i, Partition::Always);
    }
}

}  // namespace convwright
