// SPDX-License-Identifier: Apache-2.0
#pragma once
// CUDA's words for a C++ compiler, to be included in front of a kernel's text: one block after the
// other, its threads as fibers that change at barriers. A stand-in until codegen/emulator/ is there,
// which catches races, guards memory and knows warps; this one only runs threads in two orders.

#include <cstddef>
#include <cstdint>
#include <utility>

#define __device__
#define __global__
#define __shared__ static
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(threads)

struct Index3 {
    int x, y, z;
};
extern Index3 threadIdx, blockIdx;

/// Ends when each thread of the block that has not returned has come here.
void __syncthreads();

/// The block's dynamic shared memory.
unsigned char *dynamic_shared();

// Arrive at the wait, as late as they may.
void copy_later(void *to, const void *from, int bytes, int source_bytes);
void cp_async_commit();
void copies_arrive();
template<int kBytes>
void cp_async(void *shared, const void *global) {
    copy_later(shared, global, kBytes, kBytes);
}
template<int kBytes>
void cp_async_zero_fill(void *shared, const void *global, int source_bytes) {
    copy_later(shared, global, kBytes, source_bytes);
}
template<int kGroups>
void cp_async_wait() {
    static_assert(kGroups == 0, "waits for all alone are here");
    copies_arrive();
}

namespace convwright {

/// Runs kernel(arguments) in each thread of each block; `reversed` begins with the last thread.
void run_fibers(void (*kernel)(void *const *), void *const *arguments, const int32_t grid[3],
                const int32_t block[3], bool reversed);

/// Calls a kernel with its parameters behind pointers.
template<typename... P>
void call_by_pointers(void (*kernel)(P...), void *const *arguments) {
    [&]<size_t... I>(std::index_sequence<I...>) { kernel(*static_cast<P *>(arguments[I])...); }
    (std::index_sequence_for<P...>());
}

}  // namespace convwright
