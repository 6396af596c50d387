// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/call_context.h"
#include "runtime/cuda/wgrad_plan.h"

namespace convwright::cuda {

/// Enqueues a wgrad plan on the context's stream and does not wait; writes through the strides of
/// `grad_weight`. All pointers are the device's. `workspace` holds plan.workspace floats, 16-byte
/// aligned, and is free again when what was enqueued has run. False if a launch failed: the text is
/// in `context`. Thread-safe.
bool run_wgrad(CallContext &context, const WgradPlan &plan, const ConvProblem &problem,
               const Activation &grad_output, const Activation &input, const Weight &grad_weight,
               float *workspace);

}  // namespace convwright::cuda
