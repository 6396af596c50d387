// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/cuda/device.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/cuda/placed.h"
#include "runtime/cuda/weighted_sum_cost.h"

namespace convwright::cuda {

/// What runs for a fused weighted sum (generators/weighted_sum_tile.h).
struct WeightedSumPlan {
    const WeightedSumKernel *kernel = nullptr;
    std::string reason;    ///< Why there is no kernel, where there is none.
    ConvPass mix, window;  ///< The pointwise and the depthwise pass.
    bool relu = false;
    const char *mark = "";  ///< As of ConvStep.

    std::string schedule() const { return kernel->schedule + mark; }
};

/// The plan of the kernel that tuning chose for this GPU or else of the one with the fewest predicted cycles. `problem` as
/// of runtime/weighted_sum.h.
WeightedSumPlan weighted_sum_plan(const ConvProblem &problem, const Device &device,
                                  const Placed &placed);
/// The plan for one kernel: it has none when that one does not accept the problem.
WeightedSumPlan weighted_sum_plan_with(const WeightedSumKernel &kernel, const ConvProblem &problem,
                                       const Device &device, const Placed &placed);

/// Enqueues a plan on the context's stream and does not wait. All pointers are the device's; tensors as of
/// run_weighted_sum() of runtime/weighted_sum.h. False if the launch failed: the text is in `context`.
bool run_weighted_sum(CallContext &context, const WeightedSumPlan &plan, const Activation &input,
                      const Weight &pointwise, const Weight &depthwise, const void *bias,
                      const Activation &output);

}  // namespace convwright::cuda
