// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/call_context.h"
#include "runtime/plan.h"

namespace convwright {

/// Tensor [N, C, H, W] of the problem's dtype, strides in elements.
struct Activation {
    const void *data;
    int64_t n, c, h, w;
};

/// Tensor [Co, Ci / groups, Kh, Kw] of the problem's dtype, strides in elements.
struct Weight {
    const void *data;
    int64_t co, ci, h, w;
};

/// Runs an fprop or dgrad plan for tensors of `dtype`. `input` is the tensor that the sum reads (dgrad: the gradient of the
/// output), `output` the one it writes; both have the plan's dense dimension. `bias` is [Co] without
/// gaps, of the problem's dtype, or null. `workspace` holds plan.workspace floats, 64-byte aligned.
/// False if a kernel failed: the text is in `context`. Thread-safe.
bool run_conv(CallContext &context, const ConvPlan &plan, DType dtype, const Activation &input,
              const Weight &weight, const void *bias, const Activation &output, float *workspace);

/// Runs a wgrad plan and writes through the strides of `grad_weight`. Otherwise as run_conv.
bool run_wgrad(CallContext &context, const WgradPlan &plan, const ConvProblem &problem,
               const Activation &grad_output, const Activation &input, const Weight &grad_weight,
               float *workspace);

}  // namespace convwright
