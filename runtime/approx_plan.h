// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/cost_model.h"
#include "runtime/kernel_table.h"
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
    bool tuned = false;    ///< Tuning named the kernel,
    bool shipped = false;  ///< by a table of the library.
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

    /// As those of ConvPlan. A kernel that tuning named takes every pass.
    std::string kernels() const;
    std::string schedules() const;
    Isa isa() const;
};

/// The plan of the kernels that tuning chose for the form's product, or else of those with the fewest predicted
/// cycles, each pass its own. A repeated problem is found without ranking again. Thread-safe.
ApproxPlan approx_plan(const ConvProblem &problem, const ProductForm &form);

/// The same with `kernel`, one of the form's product, for pass `phase`; without steps where the problem has no such
/// pass, or no tap reaches it.
ApproxPlan approx_plan_with(const ProductKernel &kernel, const ConvProblem &problem, int phase,
                            const ProductForm &form);

}  // namespace convwright
