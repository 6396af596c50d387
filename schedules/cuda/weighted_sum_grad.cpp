// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/weighted_sum_grad.h"

namespace convwright {

using Halide::Func;
using Halide::MemoryType;
using Halide::Stage;
using Halide::TailStrategy;
using Halide::Var;

void schedule_weighted_sum_grad_cuda(WeightedSumGradTiles &a,
                                     const WeightedSumGradCudaParams &params) {
    using P = WeightedSumGradCudaParams;
    // Stores of both results in one kernel: dz is of the block that the two have in common.
    for (auto &[f, loops] : {std::pair{&a.middle, &a.middle_loops}, {&a.out, &a.out_loops}}) {
        // Stores nothing and leaves no kernel, but as a loop of the host it would ask for host memory.
        f->gpu_single_thread();
        Stage s = f->update();
        s.allow_race_conditions();  // every loop writes other elements
        params.vec > 1 ? s.vectorize(loops->v) : s.unroll(loops->v);
        s.unroll(loops->i)
            .gpu_threads(loops->lane, loops->strip)
            .gpu_blocks(loops->block)
            .never_partition_all();
    }
    a.out.update().compute_with(a.middle.update(), a.middle_loops.block);

    // Operands: threads walk along what is dense in memory.
    const auto staged = [&](Func f, const Var &inner, const Var &outer) {
        Var all("all"), u("u"), t("t"), t_1("t_1"), t_2("t_2");
        f.store_in(MemoryType::GPUShared).bound_extent(a.block, 1);
        f.fuse(inner, outer, all)
            .split(all, u, t, params.threads(), TailStrategy::GuardWithIf)
            .split(t, t_2, t_1, params.lanes())
            .reorder(u, t_1, t_2)
            .unroll(u)
            .gpu_threads(t_1, t_2)
            .never_partition_all();
    };

    // Four channels of all pixels of a strip.
    Var c_o("c_o"), c_t("c_t"), c_i("c_i"), c_v("c_v");
    const auto strip = [&](Stage s, const Var &channel) {
        return s.vectorize(channel).unroll(a.i).never_partition_all();
    };
    a.dz.compute_at(a.middle, a.middle_loops.block).store_in(MemoryType::GPUShared);
    a.dz.bound(a.c, 0, params.middle).bound(a.i, 0, params.strip);
    a.dz.bound(a.strip, 0, params.strips()).bound_extent(a.block, 1);
    a.dz.align_storage(a.c, params.middle_pitch());
    a.dz.split(a.c, c_o, c_i, params.channels)
        .split(c_i, c_t, c_v, P::kVector)
        .reorder(c_v, a.i, c_t, a.strip, c_o)
        .gpu_threads(c_t, a.strip);
    strip(a.dz, c_v);
    a.sum.compute_at(a.dz, c_t).store_in(MemoryType::Register);
    a.sum.bound_extent(a.c, P::kVector).bound(a.i, 0, params.strip);
    for (const Var &one : {a.strip, a.block}) a.sum.bound_extent(one, 1);
    strip(a.sum, a.c);
    strip(a.sum.update().reorder(a.c, a.i, a.r_jx, a.r_jy), a.c).unroll(a.r_jx);
    a.grads.compute_at(a.dz, c_o).bound_extent(a.c, params.channels);
    a.grads.bound(a.s, 0, params.grad_pixels());
    a.grads.split(a.c, c_o, c_v, params.vec).reorder(c_v, c_o, a.s).vectorize(c_v);
    staged(a.grads, c_o, a.s);

    a.mixed.compute_at(a.out, a.out_loops.block).store_in(MemoryType::Register);
    a.mixed.bound(a.v, 0, P::kVector).bound(a.i, 0, params.strip);
    a.mixed.bound(a.lane, 0, params.lanes()).bound(a.strip, 0, params.strips());
    a.mixed.bound_extent(a.block, 1);
    strip(a.mixed, a.v).gpu_threads(a.lane, a.strip);
    strip(a.mixed.update().reorder(a.v, a.i, a.r_k, a.lane, a.strip, a.r_turn), a.v)
        .unroll(a.r_k)
        .gpu_threads(a.lane, a.strip);
    // All of the pointwise weight's part at once: the sum waits for memory once.
    a.panel.compute_at(a.out, a.out_loops.block);
    a.panel.bound(a.c, 0, params.channels).bound(a.k, 0, params.middle);
    staged(a.panel, a.c, a.k);
}

}  // namespace convwright
