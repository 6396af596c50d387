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
    int64_t workspace = 0;  ///< Floats of the packed weights and bias.
};

/// The plan with the fewest predicted cycles, or that of `kernel`. `problem` is fprop with groups 1:
/// sizes of the input and the output, and the geometry of the depthwise step. Thread-safe.
WeightedSumPlan weighted_sum_plan(const ConvProblem &problem,
                                  const WeightedSumKernel *kernel = nullptr);

/// input [N, Ci, H, W] and output [N, Co, Oh, Ow] with dense channels, pointwise [Co, Ci, 1, 1],
/// depthwise [Co, 1, Kh, Kw], bias [Co] without gaps or null; `workspace` holds plan.workspace
/// floats, 64-byte aligned. False if a kernel failed: the text is in `context`. Thread-safe.
bool run_weighted_sum(CallContext &context, const WeightedSumPlan &plan, const Activation &input,
                      const Weight &pointwise, const Weight &depthwise, const void *bias,
                      const Activation &output, float *workspace);

}  // namespace convwright
