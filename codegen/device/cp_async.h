// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/device/integers.h"

/// Asynchronous copies from global to shared memory (PTX ISA, "cp.async", "cp.async.commit_group",
/// "cp.async.wait_group"); before compute capability 8.0 plain copies. A copy moves 4, 8 or 16 bytes
/// between addresses aligned to that size, and has arrived for its own thread after a wait that
/// covers its group; for the others after a barrier behind that wait.
///
///   cp_async<16>(shared, global);                  16 bytes
///   cp_async_zero_fill<16>(shared, global, bytes); `bytes` of them, then zeros; with 0 bytes the
///                                                  source is not read, yet aligned;
///                                                  a multiple of 4
///   cp_async_commit();                             copies since the last one are a group now
///   cp_async_wait<N>();                            all groups but for the newest N have arrived

#if defined(__CUDACC__)

namespace convwright::device {

__device__ inline unsigned shared_address(const void *shared) {
    return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

#if __CUDA_ARCH__ >= 800

// 16 bytes pass L1 by (.cg); smaller copies exist through it only (.ca).
template<int Bytes>
__device__ inline void cp_async(void *shared, const void *global) {
    static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
    if (Bytes == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)),
                     "l"(global)
                     : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared_address(shared)),
                     "l"(global), "n"(Bytes)
                     : "memory");
    }
}

template<int Bytes>
__device__ inline void cp_async_zero_fill(void *shared, const void *global, int source_bytes) {
    static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
    if (Bytes == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                     "l"(global), "r"(source_bytes)
                     : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)),
                     "l"(global), "n"(Bytes), "r"(source_bytes)
                     : "memory");
    }
}

__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template<int N>
__device__ inline void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

#else

// Through registers: what is copied arrives at once.
template<int Bytes>
struct __align__(Bytes) AsyncWords {
    uint32_t words[Bytes / 4];
};

template<int Bytes>
__device__ inline void cp_async(void *shared, const void *global) {
    *static_cast<AsyncWords<Bytes> *>(shared) = *static_cast<const AsyncWords<Bytes> *>(global);
}

template<int Bytes>
__device__ inline void cp_async_zero_fill(void *shared, const void *global, int source_bytes) {
    AsyncWords<Bytes> words{};
    if (source_bytes == Bytes) words = *static_cast<const AsyncWords<Bytes> *>(global);
#pragma unroll
    for (int i = 0; i < Bytes / 4; ++i) {
        if (source_bytes != Bytes && 4 * i < source_bytes)
            words.words[i] = static_cast<const uint32_t *>(global)[i];
    }
    *static_cast<AsyncWords<Bytes> *>(shared) = words;
}

__device__ inline void cp_async_commit() {}

template<int N>
__device__ inline void cp_async_wait() {}

#endif

}  // namespace convwright::device

#else
#include "codegen/emulator/cp_async.h"

namespace convwright::device {

template<int Bytes>
void cp_async(void *shared, const void *global,
              const emulator::Where &where = emulator::Where::current()) {
    emulator::cp_async(shared, global, Bytes, Bytes, where);
}

template<int Bytes>
void cp_async_zero_fill(void *shared, const void *global, int source_bytes,
                        const emulator::Where &where = emulator::Where::current()) {
    emulator::cp_async(shared, global, Bytes, source_bytes, where);
}

inline void cp_async_commit() { emulator::async_copies().commit(); }

template<int N>
void cp_async_wait() {
    emulator::async_copies().wait(N);
}

}  // namespace convwright::device

#endif
