// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright::small {

using Halide::Expr;
using Halide::Func;
using Halide::MemoryType;
using Halide::RDom;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

/// out(x) = a(x) * scale + b(x), with tails; `vector` > 1 makes vector accesses.
struct Add {
    Var x{"x"}, x_o{"x_o"}, x_t{"x_t"}, x_i{"x_i"}, x_v{"x_v"};
    Func out{"out"};

    Add(Func a, Func b, Expr scale, int vector) {
        out(x) = a(x) * scale + b(x);
        out.split(x, x_o, x_i, 64 * vector, TailStrategy::GuardWithIf);
        if (vector > 1) {
            // The whole blocks are guarded by one question, so that vectors stay whole.
            out.split(x_i, x_t, x_v, vector).vectorize(x_v);
        } else {
            x_t = x_i;
        }
        out.gpu_blocks(x_o).gpu_threads(x_t);
    }
};

/// Storage types, narrow integers and divisions: `half`, `brain` and `bytes` of one size.
///   sum(x) = float16(half(x) * 2 + brain(x)); rounded(x) = bfloat16(half(x) + brain(x) / 3)
///   mixed(x) = uint8(bytes(x) * bytes(x)) as int32 + (x - 40) / 7 * 100 + (x - 40) % 12
struct Types {
    Var x{"x"}, x_o{"x_o"}, x_t{"x_t"};
    Func out{"out"};

    Types(Func half, Func brain, Func bytes) {
        using Halide::cast;
        const Expr h = cast<float>(half(x)), b = cast<float>(brain(x)),
                   square = bytes(x) * bytes(x);
        const Expr shifted = x - 40;
        out(x) = Halide::Tuple(cast<Halide::float16_t>(h * 2.0f + b),
                               cast<Halide::bfloat16_t>(Halide::strict_float(h + b / 3.0f)),
                               cast<int32_t>(square) + shifted / 7 * 100 + shifted % 12);
        out.split(x, x_o, x_t, 32, TailStrategy::GuardWithIf).gpu_blocks(x_o).gpu_threads(x_t);
    }
};

/// 3x3 sum with the weights 1..9 of a tile in shared memory: out(x, y), input(x, y) with a border of 1.
struct Stencil {
    Var x{"x"}, y{"y"}, x_o{"x_o"}, y_o{"y_o"}, x_t{"x_t"}, y_t{"y_t"}, i{"i"}, i_t{"i_t"},
        i_u{"i_u"};
    Func tile{"tile"}, out{"out"};

    explicit Stencil(Func input) {
        tile(x, y) = input(x, y);
        Expr sum = 0.0f;
        for (int ky = 0; ky < 3; ++ky)
            for (int kx = 0; kx < 3; ++kx)
                sum += tile(x + kx, y + ky) * static_cast<float>(ky * 3 + kx + 1);
        out(x, y) = sum;
        out.tile(x, y, x_o, y_o, x_t, y_t, 16, 8, TailStrategy::GuardWithIf)
            .gpu_blocks(x_o, y_o)
            .gpu_threads(x_t, y_t)
            .never_partition_all();
        // 18 * 10 elements by 128 threads: a tail with a guard, and a modulo that is no mask.
        tile.compute_at(out, x_o)
            .store_in(MemoryType::GPUShared)
            .bound_extent(x, 18)
            .bound_extent(y, 10)
            .fuse(x, y, i)
            .split(i, i, i_t, 16, TailStrategy::GuardWithIf)
            .split(i, i, i_u, 8, TailStrategy::GuardWithIf)
            .gpu_threads(i_t, i_u)
            .never_partition_all();
    }
};

/// out(x, y) = input(y, x) by tiles of 128 x 128: 64 KB of shared memory, which is dynamic. Rows of the
/// tile are a multiple of `row` floats: with 128 the 32 lanes that read a column meet in one bank, with
/// 129 each has its own.
struct Transpose {
    Var x{"x"}, y{"y"}, x_o{"x_o"}, y_o{"y_o"}, x_i{"x_i"}, y_i{"y_i"}, x_t{"x_t"}, y_t{"y_t"};
    Func tile{"tile"}, out{"out"};

    Transpose(Func input, int row) {
        tile(x, y) = input(x, y);
        out(x, y) = tile(y, x);
        out.tile(x, y, x_o, y_o, x_i, y_i, 128, 128, TailStrategy::RoundUp)
            .tile(x_i, y_i, x_t, y_t, 32, 8);
        // x_i, y_i count the steps of a thread, x_t, y_t the threads.
        out.reorder(x_i, y_i, x_t, y_t, x_o, y_o).gpu_blocks(x_o, y_o).gpu_threads(x_t, y_t);
        tile.compute_at(out, x_o)
            .store_in(MemoryType::GPUShared)
            .align_storage(x, row)
            .tile(x, y, x_i, y_i, x_t, y_t, 32, 8)
            .reorder(x_i, y_i, x_t, y_t)
            .gpu_threads(x_t, y_t);
    }
};

/// out(x, y) = input(y, x) + bytes(y, x) by tiles of 112 x 112, both in shared memory: 61 KB of two types.
struct MixedTranspose {
    Var x{"x"}, y{"y"}, x_o{"x_o"}, y_o{"y_o"}, x_i{"x_i"}, y_i{"y_i"}, x_t{"x_t"}, y_t{"y_t"};
    Func floats{"floats"}, narrow{"narrow"}, out{"out"};

    MixedTranspose(Func input, Func bytes) {
        floats(x, y) = input(x, y);
        narrow(x, y) = bytes(x, y);
        out(x, y) = floats(y, x) + Halide::cast<float>(narrow(y, x));
        out.tile(x, y, x_o, y_o, x_i, y_i, 112, 112, TailStrategy::RoundUp)
            .tile(x_i, y_i, x_t, y_t, 16, 8)
            .reorder(x_i, y_i, x_t, y_t, x_o, y_o)
            .gpu_blocks(x_o, y_o)
            .gpu_threads(x_t, y_t);
        for (Func f : {floats, narrow})
            f.compute_at(out, x_o)
                .store_in(MemoryType::GPUShared)
                .tile(x, y, x_i, y_i, x_t, y_t, 16, 8)
                .reorder(x_i, y_i, x_t, y_t)
                .gpu_threads(x_t, y_t);
    }
};

/// Two kernels: partial(x, s) = sum of input(x, 4 s + k), k < 4, and out(x) = sum of partial(x, s), s < 3,
/// in a fixed order. `partial` is an output too, so that the caller has its memory.
struct SplitSum {
    Var x{"x"}, s{"s"}, x_o{"x_o"}, x_t{"x_t"};
    Func partial{"partial"}, out{"out"};

    explicit SplitSum(Func input) {
        RDom k(0, 4, "k"), r(0, 3, "r");
        partial(x, s) = 0.0f;
        partial(x, s) += input(x, 4 * s + k);
        out(x) = 0.0f;
        out(x) += partial(x, r);
        for (Halide::Stage stage : {Halide::Stage(partial), partial.update()})
            stage.split(x, x_o, x_t, 32, TailStrategy::GuardWithIf);
        partial.compute_root().gpu_blocks(x_o, s).gpu_threads(x_t);
        partial.update().reorder(k, x_t, x_o, s).gpu_blocks(x_o, s).gpu_threads(x_t);
        out.split(x, x_o, x_t, 32, TailStrategy::GuardWithIf).gpu_blocks(x_o).gpu_threads(x_t);
        out.update()
            .split(x, x_o, x_t, 32, TailStrategy::GuardWithIf)
            .reorder(r, x_t, x_o)
            .gpu_blocks(x_o)
            .gpu_threads(x_t);
    }
};

/// out(x, y) = sum of input(x + k, y), k = -1, 0, 1, with zeros outside; rows of 16 floats and
/// their halos go to shared memory in vectors of 4. Rows have a multiple of 4 floats.
struct PaddedRows {
    Var x{"x"}, y{"y"}, x_o{"x_o"}, x_t{"x_t"}, y_o{"y_o"}, y_t{"y_t"}, v{"v"};
    Func padded{"padded"}, out{"out"};

    PaddedRows(Func input, Expr width) {
        // In vectors of 4 from a multiple of 4 on: all inside or all outside.
        padded(v, x, y) = Halide::select(
            x >= 0 && x < width / 4, input(Halide::clamp(x, 0, width / 4 - 1) * 4 + v, y), 0.0f);
        const auto at = [&](Expr i) { return padded(i % 4, i / 4, y); };
        out(x, y) = at(x - 1) + at(x) + at(x + 1);
        out.tile(x, y, x_o, y_o, x_t, y_t, 16, 4, TailStrategy::GuardWithIf)
            .gpu_blocks(x_o, y_o)
            .gpu_threads(x_t, y_t);
        padded.compute_at(out, x_o)
            .store_in(MemoryType::GPUShared)
            .bound_extent(x, 6)
            .bound_extent(y, 4)
            .bound(v, 0, 4)
            .vectorize(v)
            .gpu_threads(x, y)
            .never_partition_all();
        out.never_partition_all();
    }
};

/// out(x) = sum of input(x, r) * weight(r % 64) over the rows r < n: a chunk of 64 rows by 64 columns
/// lies in shared memory, zeros behind the last row, and the weights beside it for the whole kernel.
/// `unrolled` is how a thread goes through its part of a chunk's copies.
struct Chunks {
    Var x{"x"}, x_o{"x_o"}, x_t{"x_t"}, v{"v"}, u{"u"}, r_t{"r_t"};
    RDom r;
    RVar r_o{"r_o"}, r_i{"r_i"};
    Func panel{"panel"}, table{"table"}, sum{"sum"}, out{"out"};

    Chunks(Func input, Func weight, Expr n, bool unrolled) : r(0, (n + 63) / 64 * 64, "r") {
        Var row("row");
        panel(x, row) = Halide::select(row < n, input(x, Halide::min(row, n - 1)), 0.0f);
        table(x) = weight(x);
        sum(x) = 0.0f;
        sum(x) += panel(x, r) * table(r % 64);
        out(x) = sum(x);
        out.split(x, x_o, x_t, 64, TailStrategy::RoundUp).gpu_blocks(x_o).gpu_threads(x_t);
        sum.compute_at(out, x_o).store_in(MemoryType::Register).gpu_threads(x);
        sum.update().split(r, r_o, r_i, 64).reorder(r_i, x, r_o).gpu_threads(x);
        table.compute_at(out, x_o)
            .store_in(MemoryType::GPUShared)
            .bound_extent(x, 64)
            .gpu_threads(x);
        panel.compute_at(sum, r_o)
            .store_in(MemoryType::GPUShared)
            .bound_extent(x, 64)
            .bound_extent(row, 64)
            .split(x, x, v, 4)
            .vectorize(v)
            .split(row, u, r_t, 4)
            .fuse(x, r_t, x_t)
            .reorder(v, u, x_t)
            .gpu_threads(x_t);
        if (unrolled) panel.unroll(u);
        for (Func f : {panel, table, sum, out}) f.never_partition_all();
        sum.update().never_partition_all();
    }
};

/// out = b a for matrices of n x n, n a multiple of 64: a(x, r), b(r, y), innermost first. A block is
/// a tile of 64 x 64, a thread 4 x 8 registers of it; panels of 16 of both matrices lie in shared
/// memory, the reduction's chunks run outside the threads.
struct Matmul {
    Var x{"x"}, y{"y"}, x_o{"x_o"}, y_o{"y_o"}, x_t{"x_t"}, y_t{"y_t"}, x_i{"x_i"}, y_i{"y_i"};
    Var panel_x{"panel_x"}, panel_y{"panel_y"}, v{"v"}, u{"u"};
    RDom r;
    RVar r_o{"r_o"}, r_i{"r_i"};
    Func product{"product"}, out{"out"};

    Matmul(Func a, Func b, Expr n, int chunk = 16) : r(0, n, "r") {
        product(x, y) = 0.0f;
        product(x, y) += a(x, r) * b(r, y);
        out(x, y) = product(x, y);
        out.tile(x, y, x_o, y_o, x_t, y_t, 64, 64, TailStrategy::RoundUp)
            .tile(x_t, y_t, x_i, y_i, 4, 8)
            .gpu_blocks(x_o, y_o)
            .gpu_threads(x_t, y_t)
            .vectorize(x_i)
            .unroll(y_i);
        product.compute_at(out, x_o)
            .store_in(MemoryType::Register)
            .tile(x, y, x_i, y_i, 4, 8)
            .gpu_threads(x, y)
            .vectorize(x_i)
            .unroll(y_i);
        product.update()
            .split(r, r_o, r_i, chunk, TailStrategy::GuardWithIf)
            .tile(x, y, x_i, y_i, 4, 8)
            .reorder(x_i, y_i, r_i, x, y, r_o)
            .gpu_threads(x, y)
            .vectorize(x_i)
            .unroll(y_i)
            .unroll(r_i);
        Func panel_a = a.in(product), panel_b = b.in(product);
        panel_a.compute_at(product, r_o).store_in(MemoryType::GPUShared);
        panel_b.compute_at(product, r_o).store_in(MemoryType::GPUShared);
        const Var ax = panel_a.args()[0], ay = panel_a.args()[1];
        panel_a.bound_extent(ax, 64).bound_extent(ay, chunk);
        panel_a.split(ax, ax, v, 4).vectorize(v).gpu_threads(ax);
        panel_a.split(ay, u, panel_y, 8).unroll(u).gpu_threads(panel_y);
        const Var bx = panel_b.args()[0], by = panel_b.args()[1];
        panel_b.bound_extent(bx, chunk).bound_extent(by, 64);
        panel_b.split(by, u, panel_y, 8).unroll(u).gpu_threads(bx, panel_y);
        out.never_partition_all();
        product.never_partition_all();
        product.update().never_partition_all();
        panel_a.never_partition_all();
        panel_b.never_partition_all();
    }
};

}  // namespace convwright::small
