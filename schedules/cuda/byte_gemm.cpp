// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/byte_gemm.h"

#include "schedules/cuda/conv2d_gemm.h"

namespace convwright {

using Halide::MemoryType;
using Halide::Var;

void schedule_byte_gemm(ByteGemm &a, const GemmShape &shape, const ByteGemmCudaParams &p,
                        Halide::Func staged) {
    schedule_conv2d_gemm(a, shape);
    if (!staged.defined()) return;
    constexpr int kVector = 8, kEntries = ByteGemmCudaParams::kTableBytes / 2;
    const Var e = staged.args()[0];
    Var e_v("e_v"), e_o("e_o"), u("u"), t("t"), t_1("t_1"), t_2("t_2");
    staged.compute_at(a.out, a.out_block).store_in(MemoryType::GPUShared).bound(e, 0, kEntries);
    staged.split(e, e_o, e_v, kVector)
        .split(e_o, u, t, p.threads())
        .split(t, t_2, t_1, shape.tile.first_threads())
        .vectorize(e_v)
        .gpu_threads(t_1, t_2)
        .never_partition_all();
}

}  // namespace convwright
