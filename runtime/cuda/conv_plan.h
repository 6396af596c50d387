// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/cuda/device.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/cuda/placed.h"

namespace convwright::cuda {

/// One pass and what computes it. Without taps the kernel is a direct one, which stores zeros.
struct ConvStep {
    ConvPass pass;
    const ConvKernel *kernel = nullptr;
    int64_t parts = 1;  ///< Of the sum; more than 1 only with the knob `split`.
    double cycles = 0;  ///< Predicted.
    /// What tuning says of it, behind its schedule: " (tuned)", " (shipped)", or why a kernel that was chosen does not run.
    const char *mark = "";
};

/// What runs for an fprop or dgrad problem.
struct ConvPlan {
    std::string reason;           ///< Why there are no steps, where there are none.
    std::vector<ConvStep> steps;  ///< In order.
    Format format = Format::kNhwc;
    DType dtype = DType::kF32;  ///< Of the tensors.
    bool relu = false;
    int64_t workspace = 0;  ///< Floats: packed weight and partial sums of one pass.

    /// As the user sees it: each kernel once, joined by '+'.
    std::string kernels() const;
    std::string schedules() const;
    double cycles() const;  ///< Predicted.
};

/// The plan of the kernels that tuning chose for this GPU or else those with the fewest predicted cycles, each pass its own,
/// or of the kernel that force_kernel() named in this thread. Kernels that round operands to TF32 are among them only with
/// `tf32`, or by name; where one of them is predicted to be the fastest it runs in the place of a chosen one that does not
/// round, for which it was no candidate. Thread-safe.
ConvPlan conv_plan(const ConvProblem &problem, const Device &device, const Placed &placed = {},
                   bool tf32 = false);

/// The plan for one kernel: without steps when that one does not accept the problem. Of several passes
/// the kernel computes those that it accepts, and there must be one; others as with `tf32`.
ConvPlan conv_plan_with(const ConvKernel &kernel, const ConvProblem &problem, const Device &device,
                        const Placed &placed = {}, bool tf32 = false);

/// The kernels that accept the problem, best prediction first; as conv_plan() with `tf32`.
std::vector<const ConvKernel *> accepting_kernels(const ConvProblem &problem, const Device &device,
                                                  const Placed &placed = {}, bool tf32 = false);

/// Where the packed weight and the partial sums of a step lie, in float32.
struct StepLayout {
    int64_t panel = 0, panels = 0;  ///< Output channels of one, and how many.
    int64_t ci = 0, rows = 0;       ///< With the zeros behind the last one.
    int64_t k = 0;                  ///< Products of a whole sum: a row of short floats.
    int64_t turns = 0;              ///< Of a part.
    int64_t partial_co = 0, partial_pixels = 0;  ///< In whole tiles.
    int64_t packed_floats = 0, partial_floats = 0;

    explicit StepLayout(const ConvStep &step);
};

}  // namespace convwright::cuda
