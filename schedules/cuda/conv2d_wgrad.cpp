// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/conv2d_wgrad.h"

namespace convwright {

using Halide::Func;
using Halide::MemoryType;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;
using P = Conv2dWgradCudaParams;

namespace {

constexpr int kVector = 4;  // floats of the widest access of shared memory
constexpr int kSector = 8;  // floats that global memory moves at least
constexpr int kWarp = 32;   // lanes

/// Copies `width` channels or elements c of a chunk of pixels to shared memory, a step of all threads
/// after the other, threads along what is dense.
void stage_panel(Func panel, Func place, const Var &c, const Var &p, int width, const P &params,
                 bool nhwc) {
    const int x_threads = params.e / params.e_t;
    Var v("v"), i("i"), p_o("p_o"), p_t("p_t");
    Var turn("turn"), t("t"), x_t("x_t"), y_t("y_t"), lane("lane");
    panel.store_in(MemoryType::GPUShared).bound(c, 0, width).bound(p, 0, params.chunk);
    // Rows in which the lanes of tensor cores meet in no bank.
    if (params.mma) panel.bound_storage(c, width + params.padding());
    if (nhwc && params.vec > 1) {
        panel.split(c, c, v, params.vec).reorder(v, c, p).vectorize(v).fuse(c, p, i);
    } else if (nhwc) {
        // A thread's channels are a quarter of the panel apart: those of a warp follow each other.
        panel.split(c, v, c, width / kVector).reorder(v, c, p).unroll(v).fuse(c, p, i);
    } else {
        // 8 pixels, a sector of memory, of 4 rows in a warp. In rows of 4 more floats pixel p of
        // channel c lies in bank 4 * p + c: no two of a warp in one.
        panel.bound_storage(c, width + kVector);
        panel.split(c, v, c, width / kVector)
            .split(p, p_o, p_t, kSector)
            .reorder(v, p_t, c, p_o)
            .unroll(v)
            .fuse(p_t, c, i)
            .fuse(i, p_o, i);
    }
    panel.split(i, turn, t, params.threads()).unroll(turn).never_partition_all();
    if (params.mma) {
        panel.split(t, t, lane, kWarp).split(t, y_t, x_t, x_threads).gpu_threads(lane, x_t, y_t);
    } else {
        panel.split(t, y_t, x_t, x_threads).gpu_threads(x_t, y_t);
    }
    // Once for the channels of a pixel, and not behind the question whether it is inside. A pipeline
    // copies vectors, and may keep nothing beside shared memory.
    if (params.stages == 1)
        place.compute_at(panel, params.mma ? lane : x_t).store_in(MemoryType::Register);
}

}  // namespace

/// A thread has co_t x e_t accumulators; the chunks of pixels run outside the threads.
/// Neighbouring threads take neighbouring vectors of 4 elements, so that a quarter of a warp reads
/// 128 bytes of a panel without a conflict of banks, and all of it the same channels.
void schedule_wgrad_gemm_cuda(WgradGemm &a, const P &p, bool nhwc) {
    Var co_t("co_t"), co_i("co_i"), e_u("e_u"), e_t("e_t"), e_i("e_i");
    const int e_threads = p.e / p.e_t;
    // e = e_u * (4 * e_threads) + e_t * 4 + e_i.
    const auto register_tile = [&](Halide::Stage stage) {
        stage.split(a.co, co_t, co_i, p.co_t)
            .split(a.e, e_u, e_t, kVector * e_threads)
            .split(e_t, e_t, e_i, kVector);
    };
    a.partial.bound(a.e, 0, p.e).bound(a.co, 0, p.co);
    register_tile(a.partial);
    // Blocks side by side share the pixels, and the gradient before the input.
    a.partial.reorder({e_i, e_u, co_i, e_t, co_t, a.e_o, a.co_o, a.slice})
        .vectorize(e_i)
        .unroll(e_u)
        .unroll(co_i)
        .gpu_threads(e_t, co_t)
        .gpu_blocks(a.e_o, a.co_o, a.slice)
        .never_partition_all();

    a.sum.compute_at(a.partial, a.e_o)
        .store_in(MemoryType::Register)
        .bound(a.e, 0, p.e)
        .bound(a.co, 0, p.co);
    register_tile(a.sum);
    a.sum.reorder({e_i, e_u, co_i, e_t, co_t})
        .vectorize(e_i)
        .unroll(e_u)
        .unroll(co_i)
        .gpu_threads(e_t, co_t)
        .never_partition_all();
    register_tile(a.sum.update());
    a.sum.update()
        .reorder({e_i, e_u, co_i, a.r_p, e_t, co_t, a.r_chunk})
        .vectorize(e_i)
        .unroll(e_u)
        .unroll(co_i)
        .unroll(a.r_p)
        .gpu_threads(e_t, co_t)
        .never_partition_all();

    a.grad.compute_at(a.sum, a.r_chunk);
    a.patch.compute_at(a.sum, a.r_chunk);
    stage_panel(a.grad, a.grad_place, a.co, a.p, p.co, p, nhwc);
    stage_panel(a.patch, a.patch_place, a.e, a.p, p.e, p, nhwc);
}

/// A warp has co_t x e_t accumulators in the registers of its lanes, in products of 16 channels x 8
/// elements; elements run along n of the product, so that a lane stores pairs.
void schedule_wgrad_mma_cuda(WgradGemm &a, const P &p, bool nhwc) {
    constexpr int kMmaCo = 16, kMmaE = 8, kMmaSum = 16;
    Var warp_co("warp_co"), warp_e("warp_e"), lane("lane"), co_i("co_i"), e_i("e_i");
    Var mma_m("mma_m"), mma_n("mma_n");
    // Lanes stand in front, where they copy.
    const auto tile = [&](Halide::Stage stage, const std::vector<VarOrRVar> &inner,
                          const std::vector<VarOrRVar> &outer) {
        stage.split(a.co, warp_co, co_i, p.co_t)
            .split(co_i, co_i, mma_m, kMmaCo)
            .split(a.e, warp_e, e_i, p.e_t)
            .split(e_i, e_i, mma_n, kMmaE)
            .split(warp_e, warp_e, lane, 1);
        std::vector<VarOrRVar> order = inner;
        order.insert(order.end(), {lane, warp_e, warp_co});
        order.insert(order.end(), outer.begin(), outer.end());
        stage.reorder(order)
            .unroll(e_i)
            .unroll(co_i)
            .gpu_threads(lane, warp_e, warp_co)
            .never_partition_all();
    };
    a.partial.bound(a.e, 0, p.e).bound(a.co, 0, p.co);
    tile(a.partial, {mma_n, mma_m, e_i, co_i}, {a.e_o, a.co_o, a.slice});
    a.partial.gpu_blocks(a.e_o, a.co_o, a.slice);

    a.sum.compute_at(a.partial, a.e_o)
        .store_in(MemoryType::Register)
        .bound(a.e, 0, p.e)
        .bound(a.co, 0, p.co);
    tile(a.sum, {mma_n, mma_m, e_i, co_i}, {});
    RVar step("step"), mma_k("mma_k");
    Halide::Stage update = a.sum.update();
    update.split(a.r_p, step, mma_k, kMmaSum);
    tile(update, {mma_k, mma_n, mma_m, e_i, co_i, step}, {a.r_chunk});
    update.unroll(step);

    a.grad.compute_at(a.sum, a.r_chunk);
    a.patch.compute_at(a.sum, a.r_chunk);
    stage_panel(a.grad, a.grad_place, a.co, a.p, p.co, p, nhwc);
    stage_panel(a.patch, a.patch_place, a.e, a.p, p.e, p, nhwc);
}

/// Lanes of a warp run along what is dense: channels, which share nothing but (depthwise) are read in
/// whole lines; or the pixels of one channel.
void schedule_wgrad_direct_cuda(WgradDirect &a, const P &p, bool nhwc) {
    a.partial.bound(a.e, 0, p.e).bound(a.co, 0, p.co);
    const Var x = nhwc ? a.co : a.e, y = nhwc ? a.e : a.co;
    a.partial.reorder({x, y, a.e_o, a.co_o, a.part})
        .gpu_threads(x, y)
        .gpu_blocks(a.e_o, a.co_o, a.part)
        .never_partition_all();
    a.total.compute_at(a.partial, x).store_in(MemoryType::Register);

    a.share.compute_at(a.partial, a.e_o).store_in(MemoryType::GPUShared);
    a.sum.compute_at(a.partial, a.e_o).store_in(MemoryType::Register);
    const Var lane = nhwc ? a.co : a.s, other = nhwc ? a.s : a.co;
    for (Func f : {a.share, a.sum}) {
        f.bound(a.co, 0, p.co).bound(a.e, 0, p.e);
        f.reorder({a.e, lane, other}).unroll(a.e).gpu_threads(lane, other).never_partition_all();
    }
    a.sum.update()
        .reorder({a.e, a.r_step, lane, other})
        .unroll(a.e)
        .gpu_threads(lane, other)
        .never_partition_all();
}

}  // namespace convwright
