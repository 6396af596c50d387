// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// CUDA C++ in front of every kernel text: fixed-width integers where NVRTC has no headers, `vec`,
/// its loads and stores, Halide's division, float16 and bfloat16 as storage types, and the names
/// behind which float semantics are explicit. Self-contained for NVRTC and nvcc. A C++ compiler
/// takes the same text when __device__, __global__, __shared__, __align__, __launch_bounds__,
/// threadIdx, blockIdx, __syncthreads(), `unsigned char *dynamic_shared()` and cp_async,
/// cp_async_zero_fill, cp_async_commit and cp_async_wait (see there) are defined before it and
/// contraction is off (-ffp-contract=off).
extern const char *const kCudaPrelude;

}  // namespace convwright
