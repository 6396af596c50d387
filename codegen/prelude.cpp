// SPDX-License-Identifier: Apache-2.0
#include "codegen/prelude.h"

namespace convwright {

// In two parts, what every kernel may use and what few do.
const char *const kCudaPrelude = R"cuda(#ifndef CONVWRIGHT_PRELUDE
#define CONVWRIGHT_PRELUDE
#ifdef __CUDACC_RTC__
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <math.h>
#include <stdint.h>
#endif
#ifdef __CUDACC__
#define CONVWRIGHT_MEMBER __device__ __forceinline__
#define CONVWRIGHT_DEVICE static __device__ __forceinline__
CONVWRIGHT_DEVICE unsigned char *dynamic_shared() {
    extern __shared__ __align__(16) unsigned char bytes[];
    return bytes;
}
#else
#define CONVWRIGHT_MEMBER inline
#define CONVWRIGHT_DEVICE static inline
#endif

// N elements, aligned as far as their size allows and at most to 16 bytes.
template<typename T, int N>
struct alignas((sizeof(T) * N & -(sizeof(T) * N)) < 16 ? (sizeof(T) * N & -(sizeof(T) * N)) : 16) vec {
    T lane[N];
    CONVWRIGHT_MEMBER T &operator[](int i) { return lane[i]; }
    CONVWRIGHT_MEMBER const T &operator[](int i) const { return lane[i]; }
};

// N neighbours of memory that is aligned to BYTES, moved BYTES at a time.
template<int N, int BYTES, typename T>
CONVWRIGHT_DEVICE vec<T, N> load(const T *from) {
    constexpr int M = BYTES / sizeof(T);
    if constexpr (M == N) return *reinterpret_cast<const vec<T, N> *>(from);
    vec<T, N> result;
#pragma unroll
    for (int i = 0; i < N; i += M) {
        const vec<T, M> part = *reinterpret_cast<const vec<T, M> *>(from + i);
#pragma unroll
        for (int j = 0; j < M; ++j) result.lane[i + j] = part.lane[j];
    }
    return result;
}
template<int BYTES, typename T, int N>
CONVWRIGHT_DEVICE void store(T *to, const vec<T, N> &value) {
    constexpr int M = BYTES / sizeof(T);
    if constexpr (M == N) {
        *reinterpret_cast<vec<T, N> *>(to) = value;
        return;
    }
#pragma unroll
    for (int i = 0; i < N; i += M) {
        vec<T, M> part;
#pragma unroll
        for (int j = 0; j < M; ++j) part.lane[j] = value.lane[i + j];
        *reinterpret_cast<vec<T, M> *>(to + i) = part;
    }
}

template<typename To, typename From>
CONVWRIGHT_DEVICE To bits_as(From value) {
    static_assert(sizeof(To) == sizeof(From), "bits_as: sizes differ");
    union {
        From from;
        To to;
    } both;
    both.from = value;
    return both.to;
}

// The second operand where one is NaN, as Halide's CPU code.
template<typename T>
CONVWRIGHT_DEVICE T smaller(T a, T b) { return a < b ? a : b; }
template<typename T>
CONVWRIGHT_DEVICE T larger(T a, T b) { return a > b ? a : b; }

// Halide's division rounds so that the remainder is not negative; by a constant D > 0 that is down.
template<int D, typename T>
CONVWRIGHT_DEVICE T div_floor(T a) { return a / D - (a % D < 0 ? 1 : 0); }
template<int D, typename T>
CONVWRIGHT_DEVICE T mod_floor(T a) {
    const T r = a % D;
    return r < 0 ? r + D : r;
}
// The same of a value that is not negative: unsigned, which is cheaper.
template<int D, typename T>
CONVWRIGHT_DEVICE T div_natural(T a) { return T(uint64_t(a) / uint64_t(D)); }
template<int D>
CONVWRIGHT_DEVICE int div_natural(int a) { return int(uint32_t(a) / uint32_t(D)); }
template<int D, typename T>
CONVWRIGHT_DEVICE T mod_natural(T a) { return a - div_natural<D>(a) * D; }
// By anything: x / 0 is 0 and x % 0 is 0.
template<typename T>
CONVWRIGHT_DEVICE T mod_any(T a, T b) {
    if (b == 0) return 0;
    const T r = a % b;
    return r < 0 ? (b < 0 ? r - b : r + b) : r;
}
template<typename T>
CONVWRIGHT_DEVICE T div_any(T a, T b) { return b == 0 ? T(0) : T((a - mod_any(a, b)) / b); }
)cuda"
                                 R"cuda(
// Copies from global to shared memory that arrive at a wait; before sm_80 they arrive at once. With
// zero_fill, `bytes` of them and zeros behind. A C++ compiler is given them with the rest of CUDA.
#ifdef __CUDACC__
template<int BYTES>
CONVWRIGHT_DEVICE void cp_async_zero_fill(void *shared, const void *global, int bytes) {
#if __CUDA_ARCH__ >= 800
    const unsigned to = unsigned(__cvta_generic_to_shared(shared));
    if (BYTES == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global),
                     "r"(bytes)
                     : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(global),
                     "n"(BYTES), "r"(bytes)
                     : "memory");
#else
    typedef vec<uint32_t, BYTES / 4> words;
    *static_cast<words *>(shared) = bytes == 0 ? words{} : *static_cast<const words *>(global);
#endif
}
template<int BYTES>
CONVWRIGHT_DEVICE void cp_async(void *shared, const void *global) {
    cp_async_zero_fill<BYTES>(shared, global, BYTES);
}
CONVWRIGHT_DEVICE void cp_async_commit() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
template<int N>
CONVWRIGHT_DEVICE void cp_async_wait() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}
#endif

// Operations that no compiler may fuse.
#ifdef __CUDACC__
CONVWRIGHT_DEVICE float strict_add(float a, float b) { return __fadd_rn(a, b); }
CONVWRIGHT_DEVICE float strict_sub(float a, float b) { return __fsub_rn(a, b); }
CONVWRIGHT_DEVICE float strict_mul(float a, float b) { return __fmul_rn(a, b); }
CONVWRIGHT_DEVICE double strict_add(double a, double b) { return __dadd_rn(a, b); }
CONVWRIGHT_DEVICE double strict_sub(double a, double b) { return __dsub_rn(a, b); }
CONVWRIGHT_DEVICE double strict_mul(double a, double b) { return __dmul_rn(a, b); }
CONVWRIGHT_DEVICE int count_ones(uint32_t a) { return __popc(a); }
CONVWRIGHT_DEVICE int leading_zeros(uint32_t a) { return __clz(a); }
CONVWRIGHT_DEVICE int trailing_zeros(uint32_t a) { return a == 0 ? 32 : __ffs(a) - 1; }
#else
template<typename T>
CONVWRIGHT_DEVICE T strict_add(T a, T b) { return a + b; }
template<typename T>
CONVWRIGHT_DEVICE T strict_sub(T a, T b) { return a - b; }
template<typename T>
CONVWRIGHT_DEVICE T strict_mul(T a, T b) { return a * b; }
CONVWRIGHT_DEVICE int count_ones(uint32_t a) { return __builtin_popcount(a); }
CONVWRIGHT_DEVICE int leading_zeros(uint32_t a) { return a == 0 ? 32 : __builtin_clz(a); }
CONVWRIGHT_DEVICE int trailing_zeros(uint32_t a) { return a == 0 ? 32 : __builtin_ctz(a); }
#endif

// Storage types: loaded, stored and converted, never computed with.
struct float16 {
    uint16_t bits;
};
struct bfloat16 {
    uint16_t bits;
};
CONVWRIGHT_DEVICE float to_float(bfloat16 a) { return bits_as<float>(uint32_t(a.bits) << 16); }
// To the nearest, ties to even; NaN stays NaN.
CONVWRIGHT_DEVICE bfloat16 to_bfloat16(float a) {
    const uint32_t u = bits_as<uint32_t>(a);
    const uint32_t nearest = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    return {uint16_t((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u | (u >> 16) : nearest)};
}
#ifdef __CUDACC__
CONVWRIGHT_DEVICE float to_float(float16 a) {
    float r;
    asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(a.bits));
    return r;
}
CONVWRIGHT_DEVICE float16 to_float16(float a) {
    float16 r;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r.bits) : "f"(a));
    return r;
}
#else
CONVWRIGHT_DEVICE float to_float(float16 a) {
    const uint32_t sign = uint32_t(a.bits & 0x8000u) << 16, e = (a.bits >> 10) & 31u;
    const uint32_t m = a.bits & 0x3ffu;
    if (e == 0) return bits_as<float>(sign | bits_as<uint32_t>(float(m) * 5.9604644775390625e-8f));
    return bits_as<float>(sign | ((e == 31 ? 255u : e + 112u) << 23) | (m << 13));
}
CONVWRIGHT_DEVICE float16 to_float16(float a) {
    const uint32_t u = bits_as<uint32_t>(a), sign = (u >> 16) & 0x8000u, size = u & 0x7fffffffu;
    if (size > 0x7f800000u) return {uint16_t(sign | 0x7fffu)};
    if (size >= 0x477ff000u) return {uint16_t(sign | 0x7c00u)};  // rounds to infinity
    // Below 2^-14 a float addition rounds to the subnormal step, 2^-24, by itself.
    if (size < 0x38800000u)
        return {uint16_t(sign | (bits_as<uint32_t>(bits_as<float>(size) + 0.5f) - 0x3f000000u))};
    return {uint16_t(sign | ((size - 0x38000000u + 0xfffu + ((size >> 13) & 1u)) >> 13))};
}
#endif
#endif  // CONVWRIGHT_PRELUDE
)cuda";

}  // namespace convwright
