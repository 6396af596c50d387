// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/call_context.h"
#include "runtime/plan.h"

namespace convwright {

/// float32 tensor [N, C, H, W], strides in elements.
struct Activation {
    const float *data;
    int64_t n, c, h, w;
};

/// float32 tensor [Co, Ci / groups, Kh, Kw], strides in elements.
struct Weight {
    const float *data;
    int64_t co, ci, h, w;
};

/// Runs an fprop or dgrad plan. `input` is the tensor that the sum reads (dgrad: the gradient of the
/// output), `output` the one it writes; both have the plan's dense dimension. `bias` is [Co] or
/// null. `workspace` holds plan.workspace floats, 64-byte aligned.
/// False if a kernel failed: the text is in `context`. Thread-safe.
bool run_conv(CallContext &context, const ConvPlan &plan, const Activation &input,
              const Weight &weight, const float *bias, const Activation &output, float *workspace);

/// Runs a wgrad plan and writes through the strides of `grad_weight`. Otherwise as run_conv.
bool run_wgrad(CallContext &context, const WgradPlan &plan, const ConvProblem &problem,
               const Activation &grad_output, const Activation &input, const Weight &grad_weight,
               float *workspace);

}  // namespace convwright
