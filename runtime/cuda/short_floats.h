// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_problem.h"

namespace convwright::cuda {

// Of bfloat16 and float16, which take tensor cores (docs/adr/0019).

/// Null if there are CUDA kernels for a possible problem of their dense tensors, else why not. Any GPU.
const char *why_no_short_floats(const ConvProblem &problem);

/// Null if a GPU of this compute capability, 80 for 8.0, multiplies them on tensor cores, else why not.
const char *why_no_tensor_cores(int compute_capability);

}  // namespace convwright::cuda
