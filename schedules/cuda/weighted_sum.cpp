// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/weighted_sum.h"

#include "schedules/cuda/strips.h"

namespace convwright {

using Halide::Func;
using Halide::MemoryType;
using Halide::Stage;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

void schedule_weighted_sum_cuda(WeightedSumTiles &a, const WeightedSumCudaParams &params) {
    using P = WeightedSumCudaParams;
    schedule_strips(a, P::kVector, params.strip, params.vec > 1);

    // The same thread mixes what it leaves in shared memory: its sums are in registers.
    const auto by_threads = [&](Stage s, const std::vector<VarOrRVar> &inner,
                                const std::vector<VarOrRVar> &outer) {
        Var c_v("c_v"), c_t("c_t"), p_u("p_u"), p_t("p_t");
        s.split(a.c, c_t, c_v, P::kVector).split(a.p, p_u, p_t, P::kStripThreads);
        std::vector<VarOrRVar> order{c_v, p_u};
        order.insert(order.end(), inner.begin(), inner.end());
        order.insert(order.end(), {c_t, p_t});
        order.insert(order.end(), outer.begin(), outer.end());
        s.reorder(order).vectorize(c_v).unroll(p_u).gpu_threads(c_t, p_t).never_partition_all();
    };
    const int pixels = params.z_pixels();
    for (Func f : {a.z, a.mixed}) {
        f.compute_at(a.out, a.out_block).bound(a.c, 0, P::kChannels).bound(a.p, 0, pixels);
        f.bound_extent(a.block, 1);
    }
    a.z.store_in(MemoryType::GPUShared);
    by_threads(a.z, {}, {});
    a.mixed.store_in(MemoryType::Register);
    by_threads(a.mixed, {}, {});
    by_threads(a.mixed.update(), {a.r_i}, {a.r_turn});
    a.mixed.update().unroll(a.r_i);

    // Operands of a chunk: threads walk along what is dense in memory.
    const auto staged = [&](Func f, const Var &inner, const Var &outer) {
        Var all("all"), u("u"), t("t"), t_1("t_1"), t_2("t_2");
        f.compute_at(a.mixed, a.r_turn).store_in(MemoryType::GPUShared);
        for (const Var &one : {a.turn, a.block}) f.bound_extent(one, 1);
        f.fuse(inner, outer, all)
            .split(all, u, t, params.threads(), TailStrategy::GuardWithIf)
            .split(t, t_2, t_1, P::kLanes)
            .reorder(u, t_1, t_2)
            .unroll(u)
            .gpu_threads(t_1, t_2)
            .never_partition_all();
    };
    a.pixels.bound(a.v, 0, params.vec).bound(a.i, 0, params.chunk / params.vec);
    a.pixels.bound(a.p, 0, pixels).reorder(a.v, a.i, a.p).vectorize(a.v);
    staged(a.pixels, a.i, a.p);
    a.panel.bound(a.c, 0, P::kChannels).bound(a.i, 0, params.chunk);
    staged(a.panel, a.c, a.i);
}

}  // namespace convwright
