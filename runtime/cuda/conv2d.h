// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/call_context.h"
#include "runtime/cuda/conv_plan.h"

namespace convwright::cuda {

/// Enqueues an fprop or dgrad plan on the context's stream and does not wait. `input` is the tensor
/// that the sum reads (dgrad: the gradient of the output), `output` the one it writes; both lie as the
/// plan was told (Placed). `bias` is [Co] without gaps, or null. All pointers are the device's.
/// `workspace` holds plan.workspace floats, 16-byte aligned, and is free again when what was enqueued
/// has run. False if a launch failed: the text is in `context`. Thread-safe.
bool run_conv(CallContext &context, const ConvPlan &plan, const Activation &input,
              const Weight &weight, const void *bias, const Activation &output, float *workspace);

}  // namespace convwright::cuda
