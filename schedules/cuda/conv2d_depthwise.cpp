// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/conv2d_depthwise.h"

#include "schedules/cuda/strips.h"

namespace convwright {

using Halide::MemoryType;
using Halide::TailStrategy;
using Halide::Var;

/// Row by row of the taps: the columns of the input that a strip meets go to registers, and each tap is
/// multiplied with all pixels of the strip. Rows that strips below each other share come from L1.
void schedule_conv2d_depthwise(Conv2dDepthwise &a, const DepthwiseTile &tile,
                               const Conv2dCudaParams &p) {
    schedule_strips(a, tile.vec, tile.pixels, true);
    a.column.compute_at(a.sum, a.r_ky).store_in(MemoryType::Register);
    a.column.bound(a.v, 0, tile.vec).bound(a.k, 0, tile.columns());
    a.column.vectorize(a.v).unroll(a.k).never_partition_all();
    for (const Var &one : {a.lane, a.strip, a.block}) a.column.bound_extent(one, 1);

    Var all("all"), u("u"), t("t"), lane("lane"), strip("strip");
    a.tap.compute_at(a.out, a.out_block).store_in(MemoryType::GPUShared);
    a.tap.bound(a.c, 0, tile.channels)
        .bound(a.kx, 0, tile.taps)
        .bound(a.ky, 0, p.most_taps_across());
    a.tap.bound_extent(a.block, 1).align_storage(a.c, p.tap_row());
    a.tap.fuse(a.kx, a.ky, all)
        .fuse(all, a.c, all)
        .split(all, u, t, p.threads(), TailStrategy::GuardWithIf)
        .split(t, strip, lane, tile.lanes())
        .reorder(u, lane, strip)
        .unroll(u)
        .gpu_threads(lane, strip)
        .never_partition_all();
}

}  // namespace convwright
