// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <math.h>

#include <algorithm>
#include <bit>
#include <cstdint>

// Functions of one thread that CUDA has built in, for g++. Programs are built with
// -ffp-contract=off, so that only fmaf() fuses.

template<typename T>
inline T __ldg(const T *address) {
    return *address;
}

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline int __mulhi(int a, int b) { return static_cast<int>((int64_t{a} * b) >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((uint64_t{a} * b) >> 32);
}

/// CUDA's min and max, which for float ignore a NaN as fminf and fmaxf do.
#define CONVWRIGHT_MIN_MAX(type)                              \
    inline type min(type a, type b) { return b < a ? b : a; } \
    inline type max(type a, type b) { return a < b ? b : a; }
CONVWRIGHT_MIN_MAX(int)
CONVWRIGHT_MIN_MAX(unsigned)
CONVWRIGHT_MIN_MAX(long)
CONVWRIGHT_MIN_MAX(unsigned long)
CONVWRIGHT_MIN_MAX(long long)
CONVWRIGHT_MIN_MAX(unsigned long long)
#undef CONVWRIGHT_MIN_MAX
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }

inline void __threadfence() {}
inline void __threadfence_block() {}
