// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <utility>

#include "autotune/trial_calls.h"

namespace convwright {

namespace {

KernelCall gradients_call(const ConvProblem &p, const cuda::WeightedSumGradPlan &fused,
                          const cuda::Device &device) {
    GpuPlans plans;
    plans.gradients = fused;
    if (fused.kernel == nullptr) plans.passes = cuda::weighted_sum_grad_passes(p, device);
    return KernelCall{p, {}, {}, {}, plans};
}

/// Of the gradients of a weighted sum: a fused kernel, or the two passes.
CallMaker gradients_maker_of(const MeasureJob &job, const cuda::Device &device) {
    const cuda::WeightedSumGradKernel *kernel = nullptr;
    if (job.shipped != kUnfusedKind)
        kernel = &kernel_named(job.shipped, cuda::weighted_sum_grad_kernels(),
                               [&] { return cuda::load_weighted_sum_grad_kernel(*job.made_cuda); });
    return [kernel, &device](const ConvProblem &p) -> std::optional<KernelCall> {
        cuda::WeightedSumGradPlan fused;
        if (kernel != nullptr) {
            fused = cuda::weighted_sum_grad_plan_with(*kernel, p, device, {});
            if (fused.kernel == nullptr) return std::nullopt;
        }
        const KernelCall call = gradients_call(p, fused, device);
        return call.is_sum_gradients() ? std::optional(call) : std::nullopt;
    };
}

}  // namespace

CallMaker gpu_maker_of(const MeasureJob &job) {
    const cuda::Device &device = cuda::device(job.gpu);
    if (job.whole().is_fused_gradients()) return gradients_maker_of(job, device);
    if (job.op == Operator::kWeightedSum) {
        const auto load = [&] { return cuda::load_weighted_sum_kernel(*job.made_cuda); };
        return [&device, &kernel = kernel_named(job.shipped, cuda::weighted_sum_kernels(), load)](
                   const ConvProblem &p) -> std::optional<KernelCall> {
            const auto plan = cuda::weighted_sum_plan_with(kernel, p, device, {});
            if (plan.kernel == nullptr) return std::nullopt;
            return KernelCall{p, {}, {}, {}, GpuPlans{{}, {}, plan}};
        };
    }
    if (const std::optional<ByteProduct> product = job.whole().bytes()) {
        const auto load = [&] { return cuda::load_byte_kernel(*job.made_cuda); };
        return [&device, &kernel = kernel_named(job.shipped, cuda::byte_kernels(), load),
                model =
                    byte_model(*product, 1)](const ConvProblem &p) -> std::optional<KernelCall> {
            const auto plan = cuda::byte_plan_with(kernel, p, model->device, device, {});
            if (plan.kernel == nullptr) return std::nullopt;
            return KernelCall{p, {}, {}, {}, GpuPlans{{}, {}, {}, {}, plan}, {}, nullptr, model};
        };
    }
    if (!job.product.empty()) {
        const auto load = [&] { return cuda::load_product_kernel(*job.made_cuda); };
        return [&device, &kernel = kernel_named(job.shipped, cuda::product_kernels(), load),
                model = product_model(job.product, 1),
                phase = job.phase](const ConvProblem &p) -> std::optional<KernelCall> {
            const auto plan = cuda::forced_approx_plan(p, model->forms, device, &kernel, phase);
            if (plan.steps.empty()) return std::nullopt;
            return KernelCall{p, {}, {}, {}, GpuPlans{{}, {}, {}, plan}, {}, model};
        };
    }
    if (job.problem.direction == Direction::kWgrad) {
        const auto load = [&] { return cuda::load_wgrad_kernel(*job.made_cuda); };
        return [&device, &kernel = kernel_named(job.shipped, cuda::wgrad_kernels(), load)](
                   const ConvProblem &p) -> std::optional<KernelCall> {
            const cuda::WgradPlan plan = cuda::wgrad_plan_with(kernel, p, device);
            if (plan.kernel == nullptr) return std::nullopt;
            return KernelCall{p, {}, {}, {}, GpuPlans{{}, plan, {}}};
        };
    }
    const auto load = [&] { return cuda::load_conv_kernel(*job.made_cuda); };
    return [&device, &kernel = kernel_named(job.shipped, cuda::conv_kernels(), load),
            phase = job.phase](const ConvProblem &p) -> std::optional<KernelCall> {
        const cuda::ConvPlan all = cuda::conv_plan_with(kernel, p, device);
        // Small problems may have fewer passes.
        if (std::cmp_greater_equal(phase, all.steps.size()) || all.steps[phase].kernel != &kernel)
            return std::nullopt;
        cuda::ConvPlan plan = cuda::conv_plan(p, device);
        if (plan.steps.empty()) return std::nullopt;
        plan.steps[phase] = all.steps[phase];
        plan.workspace = std::max(plan.workspace, all.workspace);
        return KernelCall{p, {}, {}, {}, GpuPlans{plan, {}, {}}};
    };
}

KernelCall untuned_gpu_call(const MeasureJob &job) {
    const cuda::Device &device = cuda::device(job.gpu);
    if (job.whole().is_fused_gradients()) {
        const KernelCall call = gradients_call(job.problem, {}, device);
        if (!call.is_sum_gradients())
            throw std::runtime_error("There are no kernels for its passes.");
        return call;
    }
    GpuPlans plans;
    std::shared_ptr<const ProductModel> model;
    std::shared_ptr<const ByteModel> bytes;
    if (const std::optional<ByteProduct> product = job.whole().bytes()) {
        bytes = byte_model(*product, 1);
        plans.bytes = cuda::byte_plan(job.problem, bytes->device, device, {});
        if (plans.bytes.kernel == nullptr) throw std::runtime_error(plans.bytes.reason);
    } else if (!job.product.empty()) {
        model = product_model(job.product, 1);
        plans.approx = cuda::forced_approx_plan(job.problem, model->forms, device);
        if (plans.approx.steps.empty()) throw std::runtime_error(plans.approx.reason);
    } else if (job.op == Operator::kWeightedSum) {
        plans.weighted_sum = cuda::weighted_sum_plan(job.problem, device, {});
        if (plans.weighted_sum.kernel == nullptr)
            throw std::runtime_error(plans.weighted_sum.reason);
    } else if (job.problem.direction == Direction::kWgrad) {
        plans.wgrad = cuda::wgrad_plan(job.problem, device);
        if (plans.wgrad.kernel == nullptr) throw std::runtime_error(plans.wgrad.reason);
    } else {
        plans.conv = cuda::conv_plan(job.problem, device);
        if (plans.conv.steps.empty()) throw std::runtime_error(plans.conv.reason);
    }
    return KernelCall{job.problem, {}, {}, {}, plans, {}, model, bytes};
}

}  // namespace convwright
