// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright::small {

/// out(x, y) = sum of a(x, r) * b(r, y) over r < n on tensor cores, summed in `Sum`, for tiles of 64 x 64:
/// 2 x 2 warps have 4 x 2 products of 8 x 16 each. Chunks of 64 bytes along r of both factors lie in
/// shared memory with rows padded against bank conflicts. `k_major`: a is a(r, x) and lies so in
/// memory, as b does; else a(x, r). `guarded`: tiles may stand out of the output, not of the factors.
struct MmaMatmul {
    using Var = Halide::Var;
    using RVar = Halide::RVar;
    Var x{"x"}, y{"y"}, x_o{"x_o"}, y_o{"y_o"}, x_i{"x_i"}, y_i{"y_i"};
    Var warp_x{"warp_x"}, warp_y{"warp_y"}, tile_x{"tile_x"}, tile_y{"tile_y"}, lane{"lane"};
    Var mma_m{"mma_m"}, mma_n{"mma_n"};
    Halide::RDom r;
    RVar r_o{"r_o"}, r_i{"r_i"}, step{"step"}, mma_k{"mma_k"};
    Halide::Func product{"product"}, out{"out"};

    MmaMatmul(Halide::Func a, Halide::Func b, Halide::Expr n, Halide::Type sum, bool k_major,
              bool guarded)
        : r(0, n, "r") {
        using namespace Halide;
        const Type element = a.types()[0];
        const int k = 32 / element.bytes(), chunk = 64 / element.bytes();
        product(x, y) = cast(sum, 0);
        product(x, y) += cast(sum, k_major ? a(r, x) : a(x, r)) * cast(sum, b(r, y));
        out(x, y) = product(x, y);
        out.tile(x, y, x_o, y_o, x_i, y_i, 64, 64,
                 guarded ? TailStrategy::GuardWithIf : TailStrategy::RoundUp);
        warps(out, x_i, y_i)
            .reorder(mma_n, mma_m, tile_x, tile_y, lane, warp_x, warp_y, x_o, y_o)
            .gpu_blocks(x_o, y_o);
        product.compute_at(out, x_o)
            .store_in(MemoryType::Register)
            .bound_extent(x, 64)
            .bound_extent(y, 64);
        warps(product, x, y).reorder(mma_n, mma_m, tile_x, tile_y, lane, warp_x, warp_y);
        Stage update = product.update();
        update.split(r, r_o, r_i, chunk, TailStrategy::GuardWithIf)
            .split(r_i, step, mma_k, k)
            .unroll(step);
        warps(update, x, y)
            .reorder({mma_k, mma_n, mma_m, tile_x, tile_y, step, lane, warp_x, warp_y, r_o});
        panel(a.in(product), k_major);
        panel(b.in(product), true);
        for (Func f : {out, product}) f.never_partition_all();
        update.never_partition_all();
    }

private:
    template<typename Stage>
    Stage &warps(Stage &stage, Var &across, Var &down) {
        return stage.split(across, warp_x, x_i, 32)
            .split(x_i, tile_x, mma_n, 8)
            .split(down, warp_y, y_i, 32)
            .split(y_i, tile_y, mma_m, 16)
            .split(warp_x, warp_x, lane, 1)
            .unroll(tile_x)
            .unroll(tile_y)
            .gpu_threads(lane, warp_x, warp_y);
    }

    /// 64 bytes along r by 64 rows, or the other way round, in copies of 16 bytes by 128 threads.
    void panel(Halide::Func f, bool k_major) {
        using namespace Halide;
        const int bytes = f.types()[0].bytes(), chunk = 64 / bytes, wide = 16 / bytes;
        const Var inner = f.args()[0], outer = f.args()[1];
        Var v("v"), i("i"), u("u"), t_x("t_x"), t_y("t_y"), t_z("t_z");
        // Rows of 20 words along r, of 72 words across it: no two lanes of a load meet in a bank.
        f.compute_at(product, r_o)
            .store_in(MemoryType::GPUShared)
            .bound_extent(inner, k_major ? chunk : 64)
            .bound_extent(outer, k_major ? 64 : chunk)
            .align_storage(inner, k_major ? 80 / bytes : 72)
            .split(inner, inner, v, wide)
            .vectorize(v)
            .fuse(inner, outer, i)
            .split(i, u, i, 128)
            .split(i, t_y, t_x, 32)
            .split(t_y, t_z, t_y, 2)
            .reorder(v, u, t_x, t_y, t_z)
            .unroll(u)
            .gpu_threads(t_x, t_y, t_z)
            .never_partition_all();
    }
};

}  // namespace convwright::small
