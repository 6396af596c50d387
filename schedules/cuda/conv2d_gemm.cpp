// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/conv2d_gemm.h"

#include <algorithm>

namespace convwright {

using Halide::Func;
using Halide::MemoryType;
using Halide::RVar;
using Halide::Stage;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

constexpr int kShortsTogether = 8;  // 16 bytes

void schedule_conv2d_gemm(Conv2dGemm &a, const GemmShape &shape) {
    const GemmTile &tile = shape.tile;
    const int first = tile.first_threads(), second = tile.second_threads();
    // A warp does together what a thread does else: its lanes stand in front, where they copy.
    const auto threads = [&](auto &stage, auto first_loop, auto second_loop) {
        if (!tile.mma) {
            stage.gpu_threads(first_loop, second_loop);
            return;
        }
        decltype(first_loop) lane("lane");
        stage.split(first_loop, first_loop, lane, 1).gpu_threads(lane, first_loop, second_loop);
    };

    // Stores nothing and leaves no kernel, but as a loop of the host it would ask for host memory.
    a.out.gpu_single_thread();
    Stage out = a.out.update();
    out.allow_race_conditions();  // every loop writes other elements
    const auto along = [&](const RVar &loop, bool vectors) {
        vectors ? out.vectorize(loop) : out.unroll(loop);
    };
    if (tile.mma) {
        out.rename(a.out_cv, RVar("mma_n")).rename(a.out_pv, RVar("mma_m"));
    } else {
        along(a.out_cv, shape.store_vectors && tile.channels_first);
        along(a.out_pv, shape.store_vectors && !tile.channels_first);
    }
    out.unroll(a.out_c).unroll(a.out_p);
    threads(out, a.out_first, a.out_second);
    out.gpu_blocks(a.out_block, a.out_part, a.g).never_partition_all();

    // The sum, by the same threads or warps.
    const auto sum = [&](Stage s, const std::vector<VarOrRVar> &inner,
                         const std::vector<VarOrRVar> &outer) {
        Var co_v(tile.mma ? "mma_n" : "co_v"), px_v(tile.mma ? "mma_m" : "px_v");
        Var co_i("co_i"), co_t("co_t"), px_i("px_i"), px_t("px_t");
        s.split(a.c, co_i, co_v, tile.co_vector()).split(a.p, px_i, px_v, tile.pixel_vector());
        s.split(px_i, px_i, px_t, tile.px_threads());
        if (tile.channels_first) {
            s.split(co_i, co_i, co_t, tile.co_threads());
        } else {
            s.split(co_i, co_t, co_i, tile.co_vectors());
        }
        const Var &t_1 = tile.channels_first ? co_t : px_t,
                  &t_2 = tile.channels_first ? px_t : co_t;
        std::vector<VarOrRVar> order{co_v, co_i, px_v, px_i};
        if (tile.mma) order = {co_v, px_v, co_i, px_i};
        order.insert(order.end(), inner.begin(), inner.end());
        order.insert(order.end(), {t_1, t_2});
        order.insert(order.end(), outer.begin(), outer.end());
        s.reorder(order).unroll(co_i).unroll(px_i);
        if (!tile.mma) s.vectorize(co_v).unroll(px_v);
        threads(s, t_1, t_2);
        s.never_partition_all();
    };
    a.conv.compute_at(a.out, a.out_block).store_in(MemoryType::Register);
    a.conv.bound(a.c, 0, tile.co).bound(a.p, 0, tile.px);
    for (const Var &one : {a.block, a.g, a.part}) a.conv.bound_extent(one, 1);
    sum(a.conv, {}, {});
    Stage update = a.conv.update();
    if (tile.mma) {
        RVar step("step"), mma_k("mma_k");
        update.split(a.r_i, step, mma_k, shape.mma_sum());
        sum(update, {step}, {a.r_turn});
        update.unroll(step);
    } else if (shape.unroll > 0) {
        RVar together("together");
        update.split(a.r_i, a.r_i, together, shape.unroll);
        sum(update, {together, a.r_i}, {a.r_turn});
        update.unroll(together);
    } else {
        sum(update, {a.r_i}, {a.r_turn});
        update.unroll(a.r_i);
    }

    // Panels in shared memory: threads walk along what is dense in memory.
    const int all = (tile.mma ? tile.kLanes : 1) * first * second;
    const auto staged = [&](Func f, const Var &inner, const Var &outer, const Var &vector) {
        Var fused("fused"), u("u"), t("t"), t_1("t_1"), t_2("t_2"), lane("lane");
        f.compute_at(a.conv, a.r_turn).store_in(MemoryType::GPUShared).vectorize(vector);
        f.fuse(inner, outer, fused);
        f.split(fused, u, t, all, TailStrategy::GuardWithIf).unroll(u);
        f.never_partition_all();
        if (tile.mma) {
            f.split(t, t, lane, tile.kLanes).split(t, t_2, t_1, first).gpu_threads(lane, t_1, t_2);
        } else {
            f.split(t, t_2, t_1, first).gpu_threads(t_1, t_2);
        }
    };
    // Of few weights each thread copies less, so that all have some: a pipeline has no copies under a
    // condition.
    const auto panel_vector = [&](int most) {
        return std::clamp(tile.co * shape.chunk / all, 1, most);
    };
    a.panel.bound(a.c, 0, tile.co).bound(a.i, 0, shape.chunk);
    if (shape.is_short()) {
        // Along the sum, as pixels lie: tensor cores take neighbours along it from one register.
        Var i_v("i_v"), i_o("i_o");
        a.panel.split(a.i, i_o, i_v, panel_vector(kShortsTogether)).reorder(i_v, i_o, a.c);
        a.panel.reorder_storage(a.i, a.c, a.turn, a.block, a.g).align_storage(a.i, shape.pixel_row);
        staged(a.panel, i_o, a.c, i_v);
    } else {
        Var c_v("c_v"), c_o("c_o");
        a.panel.split(a.c, c_o, c_v, panel_vector(tile.kVector));
        staged(a.panel, c_o, a.i, c_v);
        if (tile.mma) a.panel.align_storage(a.c, shape.panel_row);
    }
    a.pixels.bound(a.v, 0, shape.vec).bound(a.i, 0, shape.chunk / shape.vec).bound(a.p, 0, tile.px);
    if (!tile.pixels_dense) {
        a.pixels.align_storage(a.i, shape.pixel_row / shape.vec);
        staged(a.pixels, a.i, a.p, a.v);
    } else {
        a.pixels.reorder_storage(a.p, a.v, a.i, a.turn, a.block, a.g);
        staged(a.pixels, a.p, a.i, a.v);
    }
}

}  // namespace convwright
