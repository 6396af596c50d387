// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/device/integers.h"

#if !defined(__CUDACC__)
#include "codegen/emulator/intrinsics.h"
#include "codegen/emulator/keywords.h"
#endif

/// Halide's arithmetic where C++ has another or leaves it open.
namespace convwright::device {

// The second operand where one is NaN, as Halide's CPU code.
template<typename T>
__device__ __forceinline__ T smaller(T a, T b) {
    return a < b ? a : b;
}
template<typename T>
__device__ __forceinline__ T larger(T a, T b) {
    return a > b ? a : b;
}

// Halide's division rounds so that the remainder is not negative; by a constant D > 0 that is down.
template<int D, typename T>
__device__ __forceinline__ T div_floor(T a) {
    return a / D - (a % D < 0 ? 1 : 0);
}
template<int D, typename T>
__device__ __forceinline__ T mod_floor(T a) {
    const T r = a % D;
    return r < 0 ? r + D : r;
}
// The same of a value that is not negative: unsigned, which is cheaper.
template<int D, typename T>
__device__ __forceinline__ T div_natural(T a) {
    return T(uint64_t(a) / uint64_t(D));
}
template<int D>
__device__ __forceinline__ int div_natural(int a) {
    return int(uint32_t(a) / uint32_t(D));
}
template<int D, typename T>
__device__ __forceinline__ T mod_natural(T a) {
    return a - div_natural<D>(a) * D;
}
// By anything: x / 0 is 0 and x % 0 is 0.
template<typename T>
__device__ __forceinline__ T mod_any(T a, T b) {
    if (b == 0) return 0;
    const T r = a % b;
    return r < 0 ? (b < 0 ? r - b : r + b) : r;
}
template<typename T>
__device__ __forceinline__ T div_any(T a, T b) {
    return b == 0 ? T(0) : T((a - mod_any(a, b)) / b);
}

// Operations that no compiler may fuse; the emulator's is told not to.
__device__ __forceinline__ float strict_add(float a, float b) { return __fadd_rn(a, b); }
__device__ __forceinline__ float strict_sub(float a, float b) { return __fsub_rn(a, b); }
__device__ __forceinline__ float strict_mul(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ double strict_add(double a, double b) { return __dadd_rn(a, b); }
__device__ __forceinline__ double strict_sub(double a, double b) { return __dsub_rn(a, b); }
__device__ __forceinline__ double strict_mul(double a, double b) { return __dmul_rn(a, b); }

__device__ __forceinline__ int count_ones(uint32_t a) { return __popc(a); }
__device__ __forceinline__ int leading_zeros(uint32_t a) { return __clz(a); }
__device__ __forceinline__ int trailing_zeros(uint32_t a) { return a == 0 ? 32 : __ffs(a) - 1; }

}  // namespace convwright::device
