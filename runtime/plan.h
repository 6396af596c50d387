// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/cost_model.h"
#include "runtime/kernel_table.h"

namespace convwright {

/// One pass and what computes it: nothing where no tap reaches, the result is zeros then.
struct ConvStep {
    ConvPass pass;
    const ConvKernel *kernel = nullptr;
    ConvTaskSize task;
    bool tuned = false;    ///< Tuning named the kernel,
    bool shipped = false;  ///< by a table of the library.
    bool refused = false;  ///< Tuning named one that does not accept this pass.
};

/// What runs for an fprop or dgrad problem.
struct ConvPlan {
    std::string reason;           ///< Why there are no steps, where there are none.
    std::vector<ConvStep> steps;  ///< In order.
    bool relu = false;
    int64_t workspace = 0;  ///< Floats of the packed weights and biases of all passes.

    /// As the user sees it: each kernel once, joined by '+'; "zeros" where no tap reaches anything. Behind the
    /// schedule of a kernel that tuning named stands tuned_mark(), behind that in the place of one that does
    /// not accept the pass " (the tuned kernel does not accept it)".
    std::string kernels() const;
    std::string schedules() const;
    Isa isa() const;  ///< The highest of the kernels'.
};

/// What runs for a wgrad problem.
struct WgradPlan {
    const WgradKernel *kernel = nullptr;
    std::string reason;  ///< Why there is no kernel, where there is none.
    WgradCut cut;
    /// Extents of a part: lanes of a panel, panels, groups (for depthwise: 1), input channels, taps
    /// of a row as the schedule counts them; the last two in whole tiles.
    int64_t panel = 0, panels = 0, others = 0, ci = 0, kx = 0;
    bool last_panel_moved_back = false;  ///< To end with the last lane.
    bool tuned = false;                  ///< Tuning named the kernel,
    bool shipped = false;                ///< by a table of the library,
    bool refused = false;                ///< or one that does not accept the problem.
    int64_t workspace = 0;               ///< Floats of all partial sums.

    std::string kernels() const { return kernel->name; }
    std::string schedules() const;
    Isa isa() const { return kernel->isa; }
};

/// `dense`: columns, rows and images of all activations follow each other without gaps, so that a 1x1
/// convolution may treat all pixels as one row, and a row of taps and channels may be one loop.
///
/// The plan of the kernels that tuning chose or else those with the fewest predicted cycles, each pass
/// its own, or of the kernel that force_kernel() named in this thread. The reference stays valid until the next call in this thread; a repeated
/// problem is found without ranking again. Thread-safe.
const ConvPlan &conv_plan(const ConvProblem &problem, bool dense);
const WgradPlan &wgrad_plan(const ConvProblem &problem, bool dense = true);

/// Whether tuning found PyTorch's own convolution to be the fastest for the problem. A look-up when it was asked
/// before in this thread.
bool pytorch_was_chosen(const ConvProblem &problem);

/// The plan for one kernel: it has no steps, or no kernel, when that one does not accept the problem.
/// Of several passes the kernel computes those that it accepts, and there must be one.
ConvPlan conv_plan_with(const ConvKernel &kernel, const ConvProblem &problem, bool dense);
WgradPlan wgrad_plan_with(const WgradKernel &kernel, const ConvProblem &problem, bool dense = true);

/// Plans for fewer images of a problem by kernels that were chosen for all of them; without steps, or
/// without kernel, where one of these does not take so few.
ConvPlan plan_of_part(const ConvPlan &whole, const ConvProblem &part, bool dense);
WgradPlan wgrad_plan_of_part(const WgradKernel &kernel, const ConvProblem &part, bool dense);

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
