// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/emulator/vector_types.h"

// CUDA's qualifiers and built-in variables (CUDA C++ Programming Guide, "C++ Language Extensions")
// for g++.

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(bytes) __attribute__((aligned(bytes)))

/// One variable serves all blocks, since they run one after another. The section lets the emulator
/// find it; programs are built with -fsanitize-sections=convwright_shared, so that redzones lie
/// around it. Dynamic shared memory is asked from dynamic_shared() (codegen/device/).
#define __shared__ static __attribute__((section("convwright_shared")))

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
constexpr int warpSize = 32;
