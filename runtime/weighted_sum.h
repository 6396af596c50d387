// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/conv2d.h"

namespace convwright {

/// What runs for a fused weighted sum (generators/weighted_sum_fprop.h).
struct WeightedSumPlan {
    const WeightedSumKernel *kernel = nullptr;
    std::string reason;    ///< Why there is no kernel, where there is none.
    ConvPass mix, window;  ///< The pointwise and the depthwise pass.
    int rows = 1;          ///< Output rows of a task.
    bool relu = false;
    bool tuned = false;     ///< Tuning named the kernel,
    bool shipped = false;   ///< by a table of the library.
    int64_t workspace = 0;  ///< Floats of the packed weights and bias.

    /// As the user sees it; behind what tuning named stands tuned_mark().
    std::string schedule() const;
};

/// The plan of the kernel that tuning chose or else of the one with the fewest predicted cycles. `problem` is fprop
/// with groups 1: sizes of the input and the output, and the geometry of the depthwise step. The reference stays
/// valid until the next call in this thread. Thread-safe.
const WeightedSumPlan &weighted_sum_plan(const ConvProblem &problem);

/// The plan for one kernel: it has none when that one does not accept the problem.
WeightedSumPlan weighted_sum_plan_with(const WeightedSumKernel &kernel, const ConvProblem &problem);

/// input [N, Ci, H, W] and output [N, Co, Oh, Ow] with dense channels, pointwise [Co, Ci, 1, 1],
/// depthwise [Co, 1, Kh, Kw], bias [Co] without gaps or null; `workspace` holds plan.workspace
/// floats, 64-byte aligned. False if a kernel failed: the text is in `context`. Thread-safe.
bool run_weighted_sum(CallContext &context, const WeightedSumPlan &plan, const Activation &input,
                      const Weight &pointwise, const Weight &depthwise, const void *bias,
                      const Activation &output, float *workspace);

}  // namespace convwright
