// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright {

/// The strips of pixels that threads sum tap by tap and store: the Funcs sum(v, i, lane, strip, block) and
/// out of an algorithm. A strip has `pixels` of them, a thread `vec` channels of each.
template<typename Algorithm>
void schedule_strips(Algorithm &a, int vec, int pixels, bool stores_vectors) {
    // Stores nothing and leaves no kernel, but as a loop of the host it would ask for host memory.
    a.out.gpu_single_thread();
    Halide::Stage out = a.out.update();
    out.allow_race_conditions();  // every loop writes other elements
    stores_vectors ? out.vectorize(a.out_v) : out.unroll(a.out_v);
    out.unroll(a.out_i)
        .gpu_threads(a.out_lane, a.out_strip)
        .gpu_blocks(a.out_block)
        .never_partition_all();

    a.sum.compute_at(a.out, a.out_lane).store_in(Halide::MemoryType::Register);
    a.sum.bound(a.v, 0, vec).bound(a.i, 0, pixels);
    a.sum.vectorize(a.v).unroll(a.i).never_partition_all();
    a.sum.update()
        .reorder(a.v, a.i, a.r_kx, a.r_ky)
        .vectorize(a.v)
        .unroll(a.i)
        .unroll(a.r_kx)
        .never_partition_all();
    for (const Halide::Var &one : {a.lane, a.strip, a.block}) a.sum.bound_extent(one, 1);
}

}  // namespace convwright
