// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/cuda/device.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/cuda/placed.h"
#include "runtime/cuda/wgrad_cost.h"

namespace convwright::cuda {

/// placed() of the tensors of a wgrad problem, for kernels that count from the padding of the input on.
Placed wgrad_placed(const ConvProblem &problem, const Activation &grad_output,
                    const Activation &input);

/// What runs for a wgrad problem.
struct WgradPlan {
    const WgradKernel *kernel = nullptr;
    std::string reason;  ///< Why there is no kernel, where there is none.
    WgradParts cut;
    int64_t e = 0, co = 0, groups = 0;  ///< Extents of a part, as in WgradExtents.
    int64_t workspace = 0;              ///< Floats of all partial sums.
    double cycles = 0;                  ///< Predicted.
    const char *mark = "";              ///< As of ConvStep.

    std::string kernels() const { return kernel->name; }
    std::string schedules() const { return kernel->schedule + mark; }
};

/// The plan of the kernel that tuning chose for this GPU or else of the one with the fewest predicted cycles, or of the one
/// that force_kernel() named in this thread. Thread-safe.
WgradPlan wgrad_plan(const ConvProblem &problem, const Device &device, const Placed &placed = {});

/// The plan for one kernel: without one where that one does not accept the problem, and why.
WgradPlan wgrad_plan_with(const WgradKernel &kernel, const ConvProblem &problem,
                          const Device &device, const Placed &placed = {});

/// The plans of all kernels that accept the problem, best prediction first.
std::vector<WgradPlan> wgrad_plans(const ConvProblem &problem, const Device &device,
                                   const Placed &placed = {});

}  // namespace convwright::cuda
