// SPDX-License-Identifier: Apache-2.0
#include "autotune/trial_calls.h"

#include <stdexcept>
#include <utility>

namespace convwright {

CallMaker maker_of(const MeasureJob &job) {
    if (job.on_gpu()) return gpu_maker_of(job);
    if (job.op == Operator::kWeightedSum) {
        const auto load = [&] { return load_weighted_sum_kernel(job.made); };
        return [&kernel = kernel_named(job.shipped, weighted_sum_kernels(), load)](
                   const ConvProblem &p) -> std::optional<KernelCall> {
            const WeightedSumPlan plan = weighted_sum_plan_with(kernel, p);
            if (plan.kernel == nullptr) return std::nullopt;
            return KernelCall{p, {}, {}, plan};
        };
    }
    if (!job.product.empty()) {
        const auto load = [&] { return load_product_kernel(job.made); };
        return [&kernel = kernel_named(job.shipped, product_kernels(), load), phase = job.phase,
                model = product_model(job.product, 1)](
                   const ConvProblem &p) -> std::optional<KernelCall> {
            const ApproxPlan plan = approx_plan_with(kernel, p, phase, model->form);
            if (plan.steps.empty()) return std::nullopt;
            return KernelCall{p, {}, {}, {}, {}, plan, model};
        };
    }
    if (job.problem.direction == Direction::kWgrad) {
        const auto load = [&] { return load_wgrad_kernel(job.made); };
        return [&kernel = kernel_named(job.shipped, wgrad_kernels(), load)](
                   const ConvProblem &p) -> std::optional<KernelCall> {
            const WgradPlan plan = wgrad_plan_with(kernel, p);
            if (plan.kernel == nullptr) return std::nullopt;
            return KernelCall{p, {}, plan};
        };
    }
    const auto load = [&] { return load_conv_kernel(job.made); };
    return [&kernel = kernel_named(job.shipped, conv_kernels(), load), phase = job.phase,
            dense = job.dense](const ConvProblem &p) -> std::optional<KernelCall> {
        const ConvPlan all = conv_plan_with(kernel, p, dense);
        // Small problems may have fewer passes.
        if (std::cmp_greater_equal(phase, all.steps.size()) || all.steps[phase].kernel != &kernel)
            return std::nullopt;
        // Only the pass in question; the workspace is enough for both plans.
        ConvPlan plan = conv_plan(p, dense);
        plan.steps[phase] = all.steps[phase];
        plan.workspace += all.workspace;
        return KernelCall{p, plan, {}};
    };
}

KernelCall untuned_call(const MeasureJob &job) {
    if (job.on_gpu()) return untuned_gpu_call(job);
    KernelCall call{job.problem, {}, {}};
    if (job.op == Operator::kWeightedSum) {
        call.weighted_sum = weighted_sum_plan(job.problem);
        if (call.weighted_sum.kernel == nullptr) throw std::runtime_error(call.weighted_sum.reason);
    } else if (!job.product.empty()) {
        call.model = product_model(job.product, 1);
        call.approx = approx_plan(job.problem, call.model->form);
        if (call.approx->steps.empty()) throw std::runtime_error(call.approx->reason);
    } else if (job.problem.direction == Direction::kWgrad) {
        call.wgrad = wgrad_plan(job.problem);
        if (call.wgrad.kernel == nullptr) throw std::runtime_error(call.wgrad.reason);
    } else {
        call.conv = conv_plan(job.problem, job.dense);
        if (call.conv.steps.empty()) throw std::runtime_error(call.conv.reason);
    }
    return call;
}

}  // namespace convwright
