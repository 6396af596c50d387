// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_problem.h"
#include "schedules/weighted_sum_grad_cuda_params.h"

namespace convwright::cuda {

/// Null if a fused kernel can compute the gradients on dense tensors, else why none can. `problem` as of
/// weighted_sum_grad_plan().
const char *why_no_fused_gradients(const ConvProblem &problem);

/// Predicted cycles of the device for the problem, by one kernel that stores the gradient of z if `keeps_z`, in
/// the unit of conv_cost.h. By count, not timed: shared memory, arithmetic and what is read and stored.
double predicted_cycles(const WeightedSumGradCudaParams &params, const ConvProblem &problem,
                        int multiprocessors, bool keeps_z);

}  // namespace convwright::cuda
