// SPDX-License-Identifier: Apache-2.0
#include "schedules/cpu/weighted_sum.h"

#include "schedules/cpu/depthwise.h"

namespace convwright {

using Halide::TailStrategy;
using Halide::Var;

/// A task computes the rows of z that its output rows need into scratch, which stays in L2, and then
/// the depthwise step from there; z is never written to memory. Rows at the border of two tasks are
/// computed by both, so tasks have many rows.
void schedule_weighted_sum_cpu(WeightedSumFprop &a, const WeightedSumCpuParams &p,
                               Halide::Expr rows, Halide::Expr panels, int lanes) {
    schedule_depthwise_cpu(a.depthwise, p.depthwise(), {1, 1, rows}, lanes);
    const Var task("task");  // of schedule_depthwise_cpu

    Conv2dFprop &mix = a.pointwise;
    Var g("g"), x("x"), y("y"), n("n"), g_o("g_o"), g_i("g_i"), x_o("x_o"), x_i("x_i");
    const int g_size = p.vec * lanes;
    // The scratch is rounded up to whole panels; columns move back, because behind the last one
    // there is no input to read.
    // Bounds from 0 on: else the lanes of a panel are neither dense in the packed weight nor constant
    // indices of the accumulators.
    a.z.bound(g, 0, panels * g_size)
        .compute_at(a.depthwise.out, task)
        .split(g, g_o, g_i, g_size, TailStrategy::RoundUp)
        .split(x, x_o, x_i, p.tile, TailStrategy::ShiftInwards)
        .reorder(g_i, x_i, g_o, x_o, y, n)
        .vectorize(g_i, lanes)
        .unroll(g_i)
        .unroll(x_i)
        .never_partition_all();
    mix.conv.bound_extent(mix.co, g_size).bound_extent(mix.x, p.tile).compute_at(a.z, g_o);
    mix.conv.reorder(mix.co, mix.x).vectorize(mix.co, lanes).unroll(mix.co).unroll(mix.x);
    mix.conv.update()
        .reorder(mix.co, mix.x, mix.r_ci, mix.r_kx, mix.r_ky)
        .vectorize(mix.co, lanes)
        .unroll(mix.co)
        .unroll(mix.x);
}

}  // namespace convwright
