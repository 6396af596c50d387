// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/conv2d_gemm.h"

namespace convwright {

using Halide::Func;
using Halide::MemoryType;
using Halide::RVar;
using Halide::Stage;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

void schedule_conv2d_gemm(Conv2dGemm &a, const GemmShape &shape) {
    const GemmTile &tile = shape.tile;
    const int first = tile.first_threads(), second = tile.second_threads();

    // Stores nothing and leaves no kernel, but as a loop of the host it would ask for host memory.
    a.out.gpu_single_thread();
    Stage out = a.out.update();
    out.allow_race_conditions();  // every loop writes other elements
    const auto along = [&](const RVar &loop, bool vectors) {
        vectors ? out.vectorize(loop) : out.unroll(loop);
    };
    along(a.out_cv, shape.store_vectors && tile.channels_first);
    along(a.out_pv, shape.store_vectors && !tile.channels_first);
    out.unroll(a.out_c).unroll(a.out_p);
    out.gpu_threads(a.out_first, a.out_second).gpu_blocks(a.out_block, a.out_part, a.g);
    out.never_partition_all();

    // The sum, by the same threads.
    const auto sum = [&](Stage s, const std::vector<VarOrRVar> &inner,
                         const std::vector<VarOrRVar> &outer) {
        Var co_v("co_v"), co_i("co_i"), co_t("co_t"), px_v("px_v"), px_i("px_i"), px_t("px_t");
        s.split(a.c, co_i, co_v, tile.kVector).split(a.p, px_i, px_v, tile.pixel_vector());
        s.split(px_i, px_i, px_t, tile.px_threads());
        if (tile.channels_first) {
            s.split(co_i, co_i, co_t, tile.co_threads());
        } else {
            s.split(co_i, co_t, co_i, tile.co_vectors());
        }
        const Var &t_1 = tile.channels_first ? co_t : px_t,
                  &t_2 = tile.channels_first ? px_t : co_t;
        std::vector<VarOrRVar> order{co_v, co_i, px_v, px_i};
        order.insert(order.end(), inner.begin(), inner.end());
        order.insert(order.end(), {t_1, t_2});
        order.insert(order.end(), outer.begin(), outer.end());
        s.reorder(order).vectorize(co_v).unroll(co_i).unroll(px_v).unroll(px_i);
        s.gpu_threads(t_1, t_2).never_partition_all();
    };
    a.conv.compute_at(a.out, a.out_block).store_in(MemoryType::Register);
    a.conv.bound(a.c, 0, tile.co).bound(a.p, 0, tile.px);
    for (const Var &one : {a.block, a.g, a.part}) a.conv.bound_extent(one, 1);
    sum(a.conv, {}, {});
    sum(a.conv.update(), {a.r_i}, {a.r_turn});
    a.conv.update().unroll(a.r_i);

    // Panels in shared memory: threads walk along what is dense in memory.
    const auto staged = [&](Func f, const Var &inner, const Var &outer, const Var &vector) {
        Var all("all"), u("u"), t("t"), t_1("t_1"), t_2("t_2");
        f.compute_at(a.conv, a.r_turn).store_in(MemoryType::GPUShared).vectorize(vector);
        f.fuse(inner, outer, all).split(all, u, t, first * second, TailStrategy::GuardWithIf);
        f.split(t, t_2, t_1, first).unroll(u).gpu_threads(t_1, t_2);
        f.never_partition_all();
    };
    Var c_v("c_v"), c_o("c_o");
    a.panel.bound(a.c, 0, tile.co).bound(a.i, 0, shape.chunk).split(a.c, c_o, c_v, tile.kVector);
    staged(a.panel, c_o, a.i, c_v);
    a.pixels.bound(a.v, 0, shape.vec).bound(a.i, 0, shape.chunk / shape.vec).bound(a.p, 0, tile.px);
    if (!tile.pixels_dense) {
        staged(a.pixels, a.i, a.p, a.v);
    } else {
        a.pixels.reorder_storage(a.p, a.v, a.i, a.turn, a.block, a.g);
        staged(a.pixels, a.p, a.i, a.v);
    }
}

}  // namespace convwright
