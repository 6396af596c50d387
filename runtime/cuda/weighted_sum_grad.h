// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/cuda/placed.h"
#include "runtime/cuda/weighted_sum_grad_cost.h"

namespace convwright::cuda {

/// What runs for the gradients of a fused weighted sum's input and of z (generators/weighted_sum_grad_tile.h).
struct WeightedSumGradPlan {
    const WeightedSumGradKernel *kernel = nullptr;
    std::string reason;     ///< Why there is no kernel, where there is none.
    const char *mark = "";  ///< As of ConvStep.

    std::string schedule() const { return kernel->schedule + mark; }
};

/// What runs where no fused kernel does: the gradient of z, and from it that of the input.
struct WeightedSumGradPasses {
    ConvPlan window, mix;  ///< Of the depthwise step, then of the pointwise one.

    bool exist() const { return !window.steps.empty() && !mix.steps.empty(); }
    double cycles() const;  ///< Predicted; infinite where they do not exist.
    int64_t workspace() const { return std::max(window.workspace, mix.workspace); }  ///< Floats.
};

/// The two passes, as conv_plan() has them. `problem` as of weighted_sum_grad_plan().
WeightedSumGradPasses weighted_sum_grad_passes(const ConvProblem &problem, const Device &device,
                                               bool tf32 = false);

/// The plan of the kernel that tuning chose for this GPU, none where it chose the two passes, or else of the kernel with
/// the fewest predicted cycles, if these are fewer than those of the two passes, one by one. A chosen kernel was not
/// compared with passes that round to TF32: none is taken where these are predicted to be the fastest. `problem` is dgrad
/// with groups 1: sizes of the input and the output, and the geometry of the depthwise step; `placed` of the gradients of
/// both. `tf32`: as of conv_plan(), for the two passes. There is none where a kernel is forced.
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
