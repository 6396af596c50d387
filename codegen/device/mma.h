// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/device/integers.h"
#include "codegen/device/vectors.h"

/// Matrix products of a warp on tensor cores, from compute capability 8.0 on (PTX ISA, "mma",
/// "Matrix Fragments for mma.m16n8k8", "... m16n8k16", "... m16n8k32"): d += a * b, with a 16 x k
/// and b k x 8. A register holds P elements, the first in its lowest bits. With group = lane / 4
/// and t = lane % 4, a lane holds
///   a[r], element p:  row group + 8 * (r % 2),  k = P * t + p + 4 * P * (r / 2)
///   b[r], element p:  k = P * t + p + 4 * P * r,  column group
///   d[e]:             row group + 8 * (e / 2),  column 2 * t + e % 2
/// All lanes of the warp call it together. The accumulators are an array to add to, or a vector in and
/// the sums out.
///
///                        P   k   elements
///   mma_m16n8k8_tf32     1   8   TF32 (to_tf32()), summed in float32
///   mma_m16n8k16_bf16    2  16   bfloat16, summed in float32
///   mma_m16n8k16_f16     2  16   half, summed in float32
///   mma_m16n8k32_s8      4  32   int8, summed in int32, which wraps

#if defined(__CUDACC__)

#define CONVWRIGHT_MMA(name, operands, type, constraint, text)                                 \
    __device__ inline void name(type *d, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,   \
                                uint32_t b0, uint32_t b1) {                                    \
        asm volatile("mma.sync.aligned." text                                                  \
                     " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                  \
                     : "+" constraint(d[0]), "+" constraint(d[1]), "+" constraint(d[2]),       \
                       "+" constraint(d[3])                                                    \
                     : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));                  \
    }                                                                                          \
    __device__ inline vec<type, 4> name(vec<type, 4> d, uint32_t a0, uint32_t a1, uint32_t a2, \
                                        uint32_t a3, uint32_t b0, uint32_t b1) {               \
        name(d.lane, a0, a1, a2, a3, b0, b1);                                                  \
        return d;                                                                              \
    }

#else
#include "codegen/emulator/mma.h"

#define CONVWRIGHT_MMA(name, operands, type, constraint, text)                                   \
    inline void name(type *d, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0,   \
                     uint32_t b1, const emulator::Where &where = emulator::Where::current()) {   \
        const uint32_t a[] = {a0, a1, a2, a3}, b[] = {b0, b1};                                   \
        emulator::mma(#name, emulator::MmaOperands::operands, d, a, b, where);                   \
    }                                                                                            \
    inline vec<type, 4> name(vec<type, 4> d, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, \
                             uint32_t b0, uint32_t b1,                                           \
                             const emulator::Where &where = emulator::Where::current()) {        \
        name(d.lane, a0, a1, a2, a3, b0, b1, where);                                             \
        return d;                                                                                \
    }

#endif

namespace convwright::device {

CONVWRIGHT_MMA(mma_m16n8k8_tf32, kTf32, float, "f", "m16n8k8.row.col.f32.tf32.tf32.f32")
CONVWRIGHT_MMA(mma_m16n8k16_bf16, kBfloat16, float, "f", "m16n8k16.row.col.f32.bf16.bf16.f32")
CONVWRIGHT_MMA(mma_m16n8k16_f16, kFloat16, float, "f", "m16n8k16.row.col.f32.f16.f16.f32")
CONVWRIGHT_MMA(mma_m16n8k32_s8, kInt8, int, "r", "m16n8k32.row.col.s32.s8.s8.s32")

}  // namespace convwright::device

#undef CONVWRIGHT_MMA
