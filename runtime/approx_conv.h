// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/approx_plan.h"
#include "runtime/conv2d.h"
#include "runtime/multipliers/operand_range.h"

namespace convwright {

/// Runs an fprop or dgrad plan. Arguments as those of run_conv, all float32; tensors may have any
/// strides. `workspace` holds plan.workspace floats, 64-byte aligned.
bool run_approx_conv(CallContext &context, const ApproxPlan &plan, const Activation &input,
                     const Weight &weight, const void *bias, const Activation &output,
                     float *workspace);

/// Runs a wgrad plan and writes through the strides of `grad_weight`.
bool run_approx_wgrad(CallContext &context, const ApproxPlan &plan, const Activation &grad_output,
                      const Activation &input, const Weight &grad_weight, float *workspace);

}  // namespace convwright
