// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/device/cp_async.h"
#include "codegen/device/integers.h"
#include "codegen/device/vectors.h"

/// Matrices of 8 x 8 elements of 16 bits from shared memory to the registers of a warp (PTX ISA,
/// "ldmatrix"), 2 or 4 of them. Lane 8 * i + j gives the address of row j of matrix i, 16 bytes that
/// are aligned to as many; addresses of further lanes are not used. With group = lane / 4 and
/// t = lane % 4, a lane then holds
///   ldmatrix<N>(row)[i]:             row group, columns 2 * t and 2 * t + 1 of matrix i
///   ldmatrix_transposed<N>(row)[i]:  rows 2 * t and 2 * t + 1, column group
/// which is what mma_m16n8k16_* take. All lanes of the warp call it together.

#if defined(__CUDACC__)

namespace convwright::device {

#define CONVWRIGHT_LDMATRIX(name, trans)                                                          \
    template<int N>                                                                               \
    __device__ inline vec<uint32_t, N> name(const void *row) {                                    \
        static_assert(N == 2 || N == 4, "ldmatrix loads 2 or 4 matrices here");                   \
        vec<uint32_t, N> m;                                                                       \
        const unsigned from = shared_address(row);                                                \
        if constexpr (N == 2) {                                                                   \
            asm volatile("ldmatrix.sync.aligned.m8n8.x2" trans ".shared.b16 {%0,%1}, [%2];"       \
                         : "=r"(m.lane[0]), "=r"(m.lane[1])                                       \
                         : "r"(from)                                                              \
                         : "memory");                                                             \
        } else {                                                                                  \
            asm volatile("ldmatrix.sync.aligned.m8n8.x4" trans ".shared.b16 {%0,%1,%2,%3}, [%4];" \
                         : "=r"(m.lane[0]), "=r"(m.lane[1]), "=r"(m.lane[2]), "=r"(m.lane[3])     \
                         : "r"(from)                                                              \
                         : "memory");                                                             \
        }                                                                                         \
        return m;                                                                                 \
    }
CONVWRIGHT_LDMATRIX(ldmatrix, "")
CONVWRIGHT_LDMATRIX(ldmatrix_transposed, ".trans")
#undef CONVWRIGHT_LDMATRIX

}  // namespace convwright::device

#else
#include "codegen/emulator/ldmatrix.h"

namespace convwright::device {

template<int N>
vec<uint32_t, N> ldmatrix(const void *row,
                          const emulator::Where &where = emulator::Where::current()) {
    vec<uint32_t, N> result;
    emulator::ldmatrix(result.lane, N, false, row, where);
    return result;
}

template<int N>
vec<uint32_t, N> ldmatrix_transposed(const void *row,
                                     const emulator::Where &where = emulator::Where::current()) {
    vec<uint32_t, N> result;
    emulator::ldmatrix(result.lane, N, true, row, where);
    return result;
}

}  // namespace convwright::device

#endif
