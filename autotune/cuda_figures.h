// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/cuda/device.h"
#include "runtime/operator_problem.h"

namespace convwright {

/// What ptxas says of the kernels of a candidate on a GPU, one line each: registers, shared memory and threads of a block,
/// how many blocks a multiprocessor holds at once, and which part of its warps these are. Empty where they were
/// made for GPUs of another kind, or their images are no longer there. `artifact` as of choose_in_process().
std::string cuda_figures(const OperatorProblem &problem, const std::string &candidate,
                         const std::string &artifact, const cuda::Device &gpu);

}  // namespace convwright
