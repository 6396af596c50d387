// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/wgrad_plan.h"

#include <algorithm>
#include <utility>

#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/pass_limits.h"
#include "runtime/tuned_choices.h"

namespace convwright::cuda {
namespace {

bool chosen(const WgradKernel &kernel) {
    return forced_kernel().empty() || forced_kernel() == kernel.name;
}

}  // namespace

Placed wgrad_placed(const ConvProblem &p, const Activation &grad_output, const Activation &input) {
    Placed result = placed(p, grad_output, input);
    const int64_t columns = (p.ow() - 1) * p.stride_w + (p.kw - 1) * p.dilation_w;
    const int64_t rows = (p.oh() - 1) * p.stride_h + (p.kh - 1) * p.dilation_h;
    const int64_t last =
        (p.n - 1) * input.n + (p.ci - 1) * input.c + rows * input.h + columns * input.w;
    if (last > INT32_MAX && result.index_bits == 32) result.index_bits = 64;
    // Steps of a row and of a tap, which are counted in 32 bits.
    const int64_t row = std::max(p.oh() > 1 ? p.stride_h : 0, p.kh > 1 ? p.dilation_h : 0);
    const int64_t column = std::max(p.ow() > 1 ? p.stride_w : 0, p.kw > 1 ? p.dilation_w : 0);
    if (std::max(row * input.h, column * input.w) > INT32_MAX) result.index_bits = 0;
    return result;
}

WgradPlan wgrad_plan_with(const WgradKernel &kernel, const ConvProblem &problem,
                          const Device &device, const Placed &placed) {
    const Conv2dWgradCudaParams &params = kernel.params;
    WgradPlan plan;
    const auto refused = [&](const char *why) {
        plan.reason = why;
        return plan;
    };
    if (kernel.format != problem.format) return refused("it is for the other memory format");
    if (kernel.dtype != problem.dtype) return refused("it is for another type");
    if (const char *why = why_no_passes(problem)) return refused(why);
    if (const char *why =
            params.why_illegal(problem, device.compute_capability, device.shared_bytes))
        return refused(why);
    if (params.vec > 1 && !placed.vectors) return refused("the tensors are not 16-byte aligned");
    if (placed.index_bits == 0) return refused("a stride is 2^31 elements or more");
    if (placed.index_bits > kernel.index_bits) {
        return refused("an element lies 2^31 elements or more behind the first");
    }

    const WgradExtents extents(params, problem);
    if (extents.floats() > INT32_MAX) return refused("the weight has 2^31 elements or more");
    plan.cut = wgrad_parts(params, problem, device.multiprocessors);
    plan.cycles = predicted_cycles(params, problem, device.multiprocessors, plan.cut);
    plan.e = extents.e, plan.co = extents.co, plan.groups = extents.groups;
    plan.workspace = extents.floats() * plan.cut.parts;
    plan.kernel = &kernel;
    return plan;
}

std::vector<WgradPlan> wgrad_plans(const ConvProblem &problem, const Device &device,
                                   const Placed &placed) {
    std::vector<WgradPlan> plans;
    for (const WgradKernel &kernel : wgrad_kernels()) {
        if (!chosen(kernel)) continue;
        WgradPlan plan = wgrad_plan_with(kernel, problem, device, placed);
        if (plan.kernel != nullptr) plans.push_back(std::move(plan));
    }
    // Stable: of equal predictions the first of the table comes first.
    std::stable_sort(plans.begin(), plans.end(),
                     [](const WgradPlan &a, const WgradPlan &b) { return a.cycles < b.cycles; });
    return plans;
}

WgradPlan wgrad_plan(const ConvProblem &problem, const Device &device, const Placed &placed) {
    const char *mark = "";
    if (forced_kernel().empty() && why_no_passes(problem) == nullptr) {
        const std::optional<TunedPass> tuned = tuned_pass(problem, 0, device);
        if (const WgradKernel *kernel = tuned ? tuned->wgrad : nullptr) {
            WgradPlan plan = wgrad_plan_with(*kernel, problem, device, placed);
            plan.mark = tuned_mark(tuned->shipped);
            if (plan.kernel != nullptr) return plan;
            const bool dense = wgrad_plan_with(*kernel, problem, device).kernel != nullptr;
            mark = leave_aside(problem, 0, kernel->name,
                               dense ? LeftAside::kOfPlace : LeftAside::kOfSizes);
        }
    }
    const std::vector<WgradPlan> plans = wgrad_plans(problem, device, placed);
    WgradPlan best;
    best.reason = why_no_kernel();
    if (!plans.empty()) best = plans.front();
    best.mark = mark;
    return best;
}

}  // namespace convwright::cuda
