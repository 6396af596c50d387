// SPDX-License-Identifier: Apache-2.0
#include "schedules/cpu/conv2d_winograd.h"

namespace convwright {

using Halide::TailStrategy;
using Halide::Var;
using P = Conv2dCpuParams;

/// A task transforms its rows of pixels once. Then, a panel of output channels after the other, it multiplies
/// the 16 elements of all its tiles, vec * tile accumulators at a time, and transforms what it stores; the
/// products of a panel stay in L2, the weight of an element and a panel in L1.
void schedule_conv2d_winograd_cpu(Conv2dWinograd &a, const P &p, const ConvTask &size, int lanes) {
    const int panel = p.vec * lanes, read = WinogradTile::kRead, written = WinogradTile::kWritten;
    const TailStrategy tail = TailStrategy::GuardWithIf, whole = TailStrategy::RoundUp;
    Var c_i("c_i"), c_o("c_o"), c_t("c_t"), x_i("x_i"), x_o("x_o"), y_i("y_i"), y_o("y_o"),
        y_t("y_t"), task("task");
    a.out.split(a.co, c_o, c_i, panel, tail)
        .split(c_o, c_t, c_o, size.channel_tiles, tail)
        .split(a.x, x_o, x_i, written, tail)
        .split(a.y, y_t, y_o, size.rows / written * written, tail)  // tiles are not cut
        .split(y_o, y_o, y_i, written, tail)
        .reorder(c_i, x_i, y_i, x_o, y_o, c_o, c_t, y_t, a.g, a.n)
        .fuse(c_t, y_t, task)
        .fuse(task, a.g, task)
        .fuse(task, a.n, task)
        .parallel(task)
        .vectorize(c_i, lanes)
        .unroll(c_i)
        .unroll(x_i)
        .unroll(y_i)
        .never_partition_all();

    a.sums.compute_at(a.out, x_o)
        .bound_extent(a.co, panel)
        .reorder(a.i, a.j, a.co, a.x, a.y, a.g, a.n)
        .vectorize(a.co, lanes)
        .unroll(a.co)
        .bound(a.i, 0, written)
        .bound(a.j, 0, written)
        .unroll(a.i)
        .unroll(a.j);

    a.products.compute_at(a.out, c_o)
        .bound_extent(a.co, panel)
        .split(a.x, x_o, x_i, p.tile, whole)
        .reorder(a.co, x_i, x_o, a.y, a.a, a.b, a.g, a.n)
        .vectorize(a.co, lanes)
        .unroll(a.co)
        .unroll(x_i)
        .bound(a.a, 0, read)
        .bound(a.b, 0, read);
    a.conv.compute_at(a.products, x_o)
        .bound_extent(a.co, panel)
        .bound_extent(a.x, p.tile)
        .vectorize(a.co, lanes)
        .unroll(a.co)
        .unroll(a.x);
    a.conv.update().reorder(a.co, a.x, a.r_ci).vectorize(a.co, lanes).unroll(a.co).unroll(a.x);

    a.pixels.compute_at(a.out, task)
        .reorder_storage(a.ci, a.a, a.b, a.x, a.y, a.g, a.n)
        .reorder(a.a, a.b, a.ci, a.x, a.y, a.g, a.n)
        .bound(a.a, 0, read)
        .bound(a.b, 0, read)
        .unroll(a.a)
        .unroll(a.b)
        .vectorize(a.ci, lanes, whole);
    schedule_frame(a.padded, a.frame, a, p, lanes, task);
}

}  // namespace convwright
