// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/conv2d.h"
#include "runtime/multipliers/operand_range.h"
#include "runtime/multipliers/product_words.h"

namespace convwright {

/// One pass and the kernel that computes it; none where no tap reaches, the result is zeros then.
struct ApproxStep {
    ConvPass pass;
    const ProductKernel *kernel = nullptr;
    ConvTaskSize task;
    /// Output channels of a group that are packed and computed at a time, whole panels: what is packed
    /// takes at most twice the floats of input and weight.
    int channels = 0;
};

/// What runs for a convolution of float32 tensors by a product form. Sums start at the bias and add
/// products in a fixed order, the same for every kernel, tile and number of threads: over ky, kx and
/// (innermost) channels of the group for fprop; for dgrad over the taps of the position's phase from
/// the last to the first and output channels; for wgrad over output rows, columns and (innermost)
/// images. fprop multiplies (input, weight), dgrad (grad_output, weight), wgrad (input, grad_output).
struct ApproxPlan {
    std::string reason;  ///< Why there are no steps, where there are none.
    std::vector<ApproxStep> steps;
    ProductForm form;
    int64_t workspace = 0;  ///< Floats.

    std::string kernels() const;
    std::string schedules() const;
    Isa isa() const;
};

ApproxPlan approx_plan(const ConvProblem &problem, const ProductForm &form);

/// Runs an fprop or dgrad plan. Arguments as those of run_conv, all float32; tensors may have any
/// strides. `workspace` holds plan.workspace floats, 64-byte aligned.
bool run_approx_conv(CallContext &context, const ApproxPlan &plan, const Activation &input,
                     const Weight &weight, const void *bias, const Activation &output,
                     float *workspace);

/// Runs a wgrad plan and writes through the strides of `grad_weight`.
bool run_approx_wgrad(CallContext &context, const ApproxPlan &plan, const Activation &grad_output,
                      const Activation &input, const Weight &grad_weight, float *workspace);

}  // namespace convwright
