// SPDX-License-Identifier: Apache-2.0
#include "schedules/cpu/conv2d_summed.h"

namespace convwright {

using Halide::TailStrategy;
using Halide::Var;
using P = Conv2dCpuParams;

/// vec * tile accumulators of a whole vector each per register tile; at its end each is added up, about
/// eight instructions for an output.
void schedule_conv2d_summed_cpu(Conv2dSummed &a, const P &p, const ConvTask &size, int lanes) {
    const Var task("task");
    const int frame_lanes = lanes;
    const OutputTiles t = split_into_tasks(a, p, size, p.vec, p.tile, task);
    a.out.unroll(t.c_i).unroll(t.x_i);
    a.conv.unroll(a.co).unroll(a.x);
    const auto registers = [&](Halide::Func f, int width) {
        f.bound_extent(a.l, width).bound_extent(a.co, p.vec).bound_extent(a.x, p.tile);
        f.compute_at(a.out, t.x_o).vectorize(a.l).unroll(a.co).unroll(a.x);
    };
    registers(a.part, lanes);
    a.part.update().reorder(a.l, a.co, a.x, a.r_q, a.r_row).vectorize(a.l).unroll(a.co).unroll(a.x);
    a.part.update(1).reorder(a.l, a.co, a.x, a.last_row).vectorize(a.l).unroll(a.co).unroll(a.x);
    for (const Halide::Func &half : a.halves) registers(half, lanes /= 2);
    schedule_frame(a.padded, a.frame, a, p, frame_lanes, task);
}

}  // namespace convwright
