// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/product_cost.h"
#include "runtime/multipliers/product_words.h"

namespace convwright::cuda {

/// A form of a product and the kernel that computes a pass with it.
struct FormStep {
    ProductForm form;
    ConvStep step;
};

/// One pass by each form that may have to compute it. None where no tap reaches: zeros are stored.
struct ApproxStep {
    ConvPass pass;
    std::vector<FormStep> forms;
};

/// What runs for a convolution by an approximate product: the sums of runtime/approx_conv.h, bit for bit.
/// Of several forms all are enqueued; the device looks at the operands and runs one of them
/// (runtime/multipliers/product_choice.h).
struct ApproxPlan {
    /// generators/cuda/operand_range_generator.cpp: of a range, and of a block that looks for one.
    static constexpr int kRangeWords = 3, kRangeThreads = 256;

    std::string reason;  ///< Why there are no steps, where there are none.
    std::vector<ApproxStep> steps;
    ConvProblem problem;
    bool chooses = false;       ///< Whether kernels ask which of them is to run.
    bool forced = false;        ///< The one form of each pass is to run, whatever the operands are.
    int most = 0;               ///< The greatest choice that every pass has a kernel for.
    int range_blocks = 0;       ///< That look at an operand; 0: there is nothing to look for.
    int64_t packed_floats = 0;  ///< Of a weight, at most; it comes first in the workspace.
    int64_t workspace = 0;      ///< Floats.

    /// As the user sees it: forms of a pass joined by '|', passes by '+', nothing twice.
    std::string kernels() const;
    std::string schedules() const;
};

/// The forms of a multiplier that a device may have to choose among, the greatest choice first. The
/// multiplier as for product_form().
std::vector<ProductForm> device_forms(const Multiplier &multiplier);
/// That of a table with fractions of `bits`, whose entries come with the call.
std::vector<ProductForm> device_forms_of_table(int bits);

/// `placed` is about the operands as the multiplier sees them. Thread-safe.
ApproxPlan approx_plan(const ConvProblem &problem, const std::vector<ProductForm> &forms,
                       const Device &device, const Placed &placed);

/// What runs by one form, whatever the operands are, which have to be some that it takes: pass `phase` by `kernel`
/// with the first of `forms`, where one is given; other passes by the library's best kernel for the first of the
/// forms that it has one for. Thread-safe.
ApproxPlan forced_approx_plan(const ConvProblem &problem, const std::vector<ProductForm> &forms,
                              const Device &device, const ProductKernel *kernel = nullptr,
                              int phase = 0);

}  // namespace convwright::cuda
