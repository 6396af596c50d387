// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/cost_model.h"
#include "runtime/kernel_table.h"

namespace convwright {

/// What runs for an fprop or dgrad problem.
struct ConvPlan {
    const ConvKernel *kernel = nullptr;  ///< Null: no kernel accepts the problem; see `reason`.
    std::string reason;
    std::vector<ConvPass> passes;
    std::vector<ConvTaskSize> tasks;  ///< One for each pass.
    int64_t workspace = 0;            ///< Floats of the packed weight and bias of one pass.
};

/// What runs for a wgrad problem.
struct WgradPlan {
    const WgradKernel *kernel = nullptr;
    std::string reason;
    WgradCut cut;
    /// Extents of a part: lanes of a panel, panels, groups (for depthwise: 1), input channels.
    int64_t panel = 0, panels = 0, others = 0, ci = 0;
    int64_t workspace = 0;  ///< Floats of all partial sums.
};

/// `dense`: rows and images of all activations follow each other without gaps, so that a 1x1
/// convolution may treat all pixels as one row.
///
/// The plan of the kernel that force_kernel() named in this thread, else of the one with the fewest
/// predicted cycles. The reference stays valid until the next call in this thread; a repeated
/// problem is found without ranking again. Thread-safe.
const ConvPlan &conv_plan(const ConvProblem &problem, bool dense);
const WgradPlan &wgrad_plan(const ConvProblem &problem);

/// The plan for one kernel; its `kernel` is null when that one does not accept the problem.
ConvPlan conv_plan_with(const ConvKernel &kernel, const ConvProblem &problem, bool dense);
WgradPlan wgrad_plan_with(const WgradKernel &kernel, const ConvProblem &problem);

/// A kernel as the user sees it.
struct KernelInfo {
    std::string name, schedule;
    Isa isa;
};

/// All kernels that accept the problem on this CPU, best prediction first.
std::vector<KernelInfo> accepting_kernels(const ConvProblem &problem, bool dense = true);

/// From now on this thread runs only the kernel of this name; "" returns to the cost model. False,
/// and nothing changes, if there is no kernel of that name.
bool force_kernel(const std::string &name);

}  // namespace convwright
