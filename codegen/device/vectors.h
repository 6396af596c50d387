// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/device/integers.h"

#if !defined(__CUDACC__)
#include "codegen/emulator/keywords.h"
#endif

namespace convwright::device {

/// N elements, aligned as far as their size allows and at most to 16 bytes.
template<typename T, int N>
struct alignas((sizeof(T) * N & -(sizeof(T) * N)) < 16 ? (sizeof(T) * N & -(sizeof(T) * N))
                                                       : 16) vec {
    T lane[N];
    __device__ __forceinline__ T &operator[](int i) { return lane[i]; }
    __device__ __forceinline__ const T &operator[](int i) const { return lane[i]; }
};

/// N neighbours of memory that is aligned to Bytes, moved Bytes at a time.
template<int N, int Bytes, typename T>
__device__ __forceinline__ vec<T, N> load(const T *from) {
    constexpr int M = Bytes / sizeof(T);
    if constexpr (M == N) {
        return *reinterpret_cast<const vec<T, N> *>(from);
    } else {
        vec<T, N> result;
#pragma unroll
        for (int i = 0; i < N; i += M) {
            const vec<T, M> part = *reinterpret_cast<const vec<T, M> *>(from + i);
#pragma unroll
            for (int j = 0; j < M; ++j) result.lane[i + j] = part.lane[j];
        }
        return result;
    }
}

template<int Bytes, typename T, int N>
__device__ __forceinline__ void store(T *to, const vec<T, N> &value) {
    constexpr int M = Bytes / sizeof(T);
    if constexpr (M == N) {
        *reinterpret_cast<vec<T, N> *>(to) = value;
    } else {
#pragma unroll
        for (int i = 0; i < N; i += M) {
            vec<T, M> part;
#pragma unroll
            for (int j = 0; j < M; ++j) part.lane[j] = value.lane[i + j];
            *reinterpret_cast<vec<T, M> *>(to + i) = part;
        }
    }
}

/// The same bits as another type of that size.
template<typename To, typename From>
__device__ __forceinline__ To bits_as(From value) {
    static_assert(sizeof(To) == sizeof(From), "bits_as: sizes differ");
    union {
        From from;
        To to;
    } both;
    both.from = value;
    return both.to;
}

}  // namespace convwright::device
