// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/cuda/device.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/cuda/placed.h"

namespace convwright::cuda {

/// What runs for the gradients of a fused weighted sum's input and of z (generators/weighted_sum_grad_tile.h).
struct WeightedSumGradPlan {
    const WeightedSumGradKernel *kernel = nullptr;
    std::string reason;  ///< Why there is no kernel, where there is none.
};

/// Predicted cycles of the device for the problem, by one kernel that stores the gradient of z if `keeps_z`, in
/// the unit of conv_cost.h. By count, not timed: shared memory, arithmetic and what is read and stored.
double predicted_cycles(const WeightedSumGradCudaParams &params, const ConvProblem &problem,
                        int multiprocessors, bool keeps_z);

/// The plan of the kernel with the fewest predicted cycles, if these are fewer than those of the two passes, one by
/// one. `problem` is dgrad with groups 1: sizes of the input and the output, and the geometry of the
/// depthwise step; `placed` of the gradients of both. `tf32`: as of conv_plan(), for the two passes. There is
/// none where a kernel is forced.
WeightedSumGradPlan weighted_sum_grad_plan(const ConvProblem &problem, const Device &device,
                                           const Placed &placed, bool keeps_z, bool tf32);
/// The plan for one kernel: it has none when that one does not accept the problem.
WeightedSumGradPlan weighted_sum_grad_plan_with(const WeightedSumGradKernel &kernel,
                                                const ConvProblem &problem, const Device &device,
                                                const Placed &placed);

/// Enqueues a plan on the context's stream and does not wait. All pointers are the device's. grad_output
/// [N, Co, Oh, Ow], grad_input [N, Ci, H, W] and grad_z [N, Co, H, W], or null where that is not asked for,
/// have dense channels; pointwise [Co, Ci, 1, 1], depthwise [Co, 1, Kh, Kw]. Vectors of the kernel must
/// fit grad_z. False if the launch failed: the text is in `context`.
bool run_weighted_sum_grad(CallContext &context, const WeightedSumGradKernel &kernel,
                           const ConvProblem &problem, const Activation &grad_output,
                           const Weight &pointwise, const Weight &depthwise,
                           const Activation *grad_z, const Activation &grad_input);

}  // namespace convwright::cuda
