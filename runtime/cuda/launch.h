// SPDX-License-Identifier: Apache-2.0
#pragma once
// C, without Halide and without CUDA: what the host half of a generated kernel asks of the runtime.

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One launch of a kernel of the CUDA C++ text that was made beside the host object. The field order
/// and types are part of codegen/offload.cpp, which builds this struct in the object's code.
typedef struct convwright_cuda_launch_t {
    const char *kernel;    ///< extern "C" name in the text; a constant, its address stays valid.
    int32_t grid[3];       ///< Blocks along x, y, z; each > 0: an empty grid is never launched.
    int32_t block[3];      ///< Threads along x, y, z; at most the kernel's __launch_bounds__.
    int32_t shared_bytes;  ///< Dynamic shared memory; 0 or above 48 KB, which asks for the opt-in.
    int32_t argument_count;  ///< Parameters of the kernel.
    /// Per parameter the address of its value, as cuLaunchKernel's kernelParams: 8 bytes for a
    /// pointer, sizeof the scalar's type for a scalar. Valid during the call only.
    void *const *arguments;
} convwright_cuda_launch_t;

/// Enqueues the kernel on the stream that belongs to `user_context` and does not wait for it.
/// Returns 0, or an error code that becomes the result of the generated function; the error's text
/// is handed to halide_error(user_context, text) before. Thread-safe.
int convwright_cuda_launch(void *user_context, const convwright_cuda_launch_t *launch);

#ifdef __cplusplus
}
#endif
