// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/wgrad_depthwise.h"

namespace convwright {

using Halide::MemoryType;
using Halide::TailStrategy;
using Halide::Var;

void schedule_wgrad_depthwise_cuda(WgradDepthwise &a, const DepthwiseTile &tile,
                                   const Conv2dWgradCudaParams &p) {
    // Threads of a warp follow what is dense: channels, or else columns, which are strips side by side.
    const Var &x = tile.strips_first ? a.lane : a.s, &y = tile.strips_first ? a.s : a.lane;
    Var all("all"), u("u"), t("t"), t_x("t_x"), t_y("t_y");
    a.partial.bound(a.c, 0, tile.channels).bound(a.kx, 0, tile.taps).bound(a.ky, 0, tile.taps);
    // Elements of the result over all threads of the block.
    a.partial.fuse(a.c, a.kx, all)
        .fuse(all, a.ky, all)
        .split(all, u, t, p.threads(), TailStrategy::GuardWithIf)
        .split(t, t_y, t_x, tile.strips_first ? tile.lanes() : p.shares)
        .reorder({u, t_x, t_y, a.tile, a.part})
        .gpu_threads(t_x, t_y)
        .gpu_blocks(a.tile, a.part)
        .never_partition_all();
    a.total.compute_at(a.partial, u).store_in(MemoryType::Register);

    a.share.compute_at(a.partial, a.tile).store_in(MemoryType::GPUShared);
    a.share.bound(a.v, 0, tile.vec).bound(a.kx, 0, tile.taps).bound(a.ky, 0, tile.taps);
    a.share.bound(a.lane, 0, tile.lanes()).bound(a.s, 0, p.shares);
    a.share.reorder(a.v, a.kx, a.ky, x, y)
        .vectorize(a.v)
        .unroll(a.kx)
        .unroll(a.ky)
        .gpu_threads(x, y)
        .never_partition_all();

    a.sum.compute_at(a.share, x).store_in(MemoryType::Register);
    a.sum.bound(a.v, 0, tile.vec).bound(a.kx, 0, tile.taps).bound(a.ky, 0, tile.taps);
    a.sum.reorder(a.v, a.kx, a.ky).vectorize(a.v).unroll(a.kx).unroll(a.ky);
    a.sum.never_partition_all();
    a.sum.update()
        .reorder(a.v, a.kx, a.r_i, a.ky, a.r_step)
        .vectorize(a.v)
        .unroll(a.kx)
        .unroll(a.r_i)
        .unroll(a.ky)
        .never_partition_all();
    a.grad.compute_at(a.sum, a.r_step).store_in(MemoryType::Register);
    a.grad.bound(a.v, 0, tile.vec).bound(a.i, 0, tile.pixels);
    a.grad.vectorize(a.v).unroll(a.i).never_partition_all();
    a.column.compute_at(a.sum, a.ky).store_in(MemoryType::Register);
    a.column.bound(a.v, 0, tile.vec).bound(a.k, 0, tile.columns());
    a.column.vectorize(a.v).unroll(a.k).never_partition_all();
}

}  // namespace convwright
