// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/call_context.h"
#include "runtime/cuda/approx_plan.h"

namespace convwright::cuda {

/// Operands of a call, all on the device; what each is follows from the direction of the plan's problem.
struct ApproxOperands {
    Activation input;      ///< Also dgrad's result.
    Weight weight;         ///< Also wgrad's result.
    Activation output;     ///< fprop's result, else the gradient of the output.
    const void *bias;      ///< fprop: [Co] without gaps, or null.
    const int32_t *table;  ///< Of a table of fractions, or null.
};

/// Enqueues a plan on the context's stream and does not wait. `workspace` holds plan.workspace floats,
/// 16-byte aligned. False if a launch failed: the text is in `context`. Thread-safe.
bool run_approx_conv(CallContext &context, const ApproxPlan &plan, const ApproxOperands &operands,
                     float *workspace);

}  // namespace convwright::cuda
