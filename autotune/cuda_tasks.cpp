// SPDX-License-Identifier: Apache-2.0
#include "autotune/cuda_tasks.h"

#include <algorithm>

#include "autotune/cuda_spaces.h"
#include "autotune/verify/product_model.h"
#include "runtime/cuda/approx_plan.h"
#include "runtime/cuda/byte_plan.h"
#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/cuda/weighted_sum.h"
#include "runtime/cuda/weighted_sum_grad.h"
#include "runtime/cuda/wgrad_plan.h"

namespace convwright {
namespace {

template<typename Kernel>
std::string candidate_text(const char *generator, const Kernel &kernel) {
    return cuda::candidate_kind(generator) + "/" + kernel.schedule;
}

/// What runs for a convolution by a product without tuning, whatever the operands are.
cuda::ApproxPlan untuned_approx_plan(const OperatorProblem &whole, const cuda::Device &device) {
    return cuda::forced_approx_plan(whole.sizes, product_model(whole.product, 1)->forms, device);
}

/// What runs for one of 8-bit operands.
cuda::BytePlan untuned_byte_plan(const OperatorProblem &whole, const cuda::Device &device) {
    DeviceTable table;  // A plan looks at no more of it.
    table.product = whole.bytes()->name, table.terms = whole.bytes()->terms;
    return cuda::byte_plan(whole.sizes, table, device, {});
}

/// What is searched for a call: of a weighted sum with its backward the gradients that one kernel computes.
OperatorProblem searched_for(const OperatorProblem &called) {
    if (called.op != Operator::kWeightedSum || !called.step) return called;
    ConvProblem sizes = called.sizes;
    sizes.direction = Direction::kDgrad, sizes.bias = sizes.relu = false;
    return {sizes, called.op};
}

/// What runs without tuning for a weighted sum's gradients.
cuda::WeightedSumGradPlan untuned_gradients_plan(const ConvProblem &problem,
                                                 const cuda::Device &device) {
    return cuda::weighted_sum_grad_plan(problem, device, {}, /*keeps_z=*/true, /*tf32=*/false);
}

/// Adds the tasks of a problem. Empty, or why there are none.
std::string add_tasks(std::vector<TuningTask> &tasks, const CountedProblem &counted,
                      const cuda::Device &device) {
    const OperatorProblem whole = tuned_subject(counted.problem);
    const std::string text = format_problem(whole);
    const ConvProblem &problem = whole.sizes;
    if (const char *why = why_no_cuda_space(whole, device)) return why;
    const auto add = [&](int phase, double cycles) {
        const Subject subject{text, phase};
        for (TuningTask &task : tasks) {
            if (!(task.subject == subject)) continue;
            task.weight += counted.count * cycles;
            return;
        }
        tasks.push_back({subject, whole, counted.count * cycles, {}, counted.problem});
    };
    if (whole.is_fused_gradients()) {
        // Nothing competes with the two passes where no schedule fuses them.
        if (cuda_space(whole, 0, device).legal().size() < 2)
            return "no fused CUDA kernel computes it";
        const cuda::WeightedSumGradPlan plan = untuned_gradients_plan(problem, device);
        add(0, plan.kernel == nullptr
                   ? cuda::weighted_sum_grad_passes(problem, device).cycles()
                   : cuda::predicted_cycles(plan.kernel->params, problem, device.multiprocessors,
                                            /*keeps_z=*/true));
        return "";
    }
    if (whole.op == Operator::kWeightedSum) {
        const cuda::WeightedSumPlan plan = cuda::weighted_sum_plan(problem, device, {});
        if (plan.kernel == nullptr) return plan.reason;
        add(0, cuda::predicted_cycles(plan.kernel->params, plan.mix, plan.window,
                                      device.multiprocessors));
        return "";
    }
    if (whole.bytes()) {
        const cuda::BytePlan plan = untuned_byte_plan(whole, device);
        if (plan.kernel == nullptr) return plan.reason;
        add(0, cuda::predicted_cycles(plan.kernel->params, *whole.bytes(), plan.shape,
                                      device.multiprocessors));
        return "";
    }
    if (!whole.product.empty()) {
        const cuda::ApproxPlan plan = untuned_approx_plan(whole, device);
        if (plan.steps.empty()) return plan.reason;
        for (size_t phase = 0; phase < plan.steps.size(); phase++)
            for (const cuda::FormStep &form : plan.steps[phase].forms)
                add(static_cast<int>(phase), form.step.cycles);
        return "";
    }
    if (problem.direction == Direction::kWgrad) {
        const cuda::WgradPlan plan = cuda::wgrad_plan(problem, device);
        if (plan.kernel == nullptr) return plan.reason;
        add(0, plan.cycles);
        return "";
    }
    const cuda::ConvPlan plan = cuda::conv_plan(problem, device);
    if (plan.steps.empty()) return plan.reason;
    for (size_t phase = 0; phase < plan.steps.size(); phase++)
        if (plan.steps[phase].pass.taps() > 0)
            add(static_cast<int>(phase), plan.steps[phase].cycles);
    if (plan.steps.size() > 1) add(kWholeProblem, 0);
    return "";
}

}  // namespace

std::vector<TuningTask> cuda_tuning_tasks(const std::vector<CountedProblem> &problems,
                                          const cuda::Device &device,
                                          std::vector<std::string> &left_out) {
    std::vector<TuningTask> tasks;
    for (const CountedProblem &counted : problems) {
        const std::string why =
            add_tasks(tasks, {searched_for(counted.problem), counted.count}, device);
        if (!why.empty())
            left_out.push_back(format_problem(tuned_subject(counted.problem)) + ": " + why + ".");
    }
    // All passes of a problem together have no weight: what they are compared with comes first. Gradients that two
    // passes compute, too, come after those.
    std::stable_sort(tasks.begin(), tasks.end(), [](const TuningTask &a, const TuningTask &b) {
        const bool a_later = a.problem.is_fused_gradients();
        return a_later != b.problem.is_fused_gradients() ? !a_later : a.weight > b.weight;
    });
    return tasks;
}

std::string untuned_cuda_candidate(const TuningTask &task, const cuda::Device &device) {
    const ConvProblem &sizes = task.problem.sizes;
    if (task.problem.is_fused_gradients()) {
        const cuda::WeightedSumGradPlan plan = untuned_gradients_plan(sizes, device);
        return plan.kernel == nullptr ? kUnfusedKind
                                      : candidate_text("weighted_sum_grad", *plan.kernel);
    }
    if (task.problem.op == Operator::kWeightedSum) {
        const cuda::WeightedSumPlan plan = cuda::weighted_sum_plan(sizes, device, {});
        return plan.kernel == nullptr ? "" : candidate_text("weighted_sum", *plan.kernel);
    }
    if (task.problem.bytes()) {
        const cuda::BytePlan plan = untuned_byte_plan(task.problem, device);
        if (plan.kernel == nullptr) return "";
        return cuda::byte_candidate_kind(plan.kernel->format) + "/" + plan.kernel->schedule;
    }
    if (!task.problem.product.empty()) {
        const cuda::ApproxPlan plan = untuned_approx_plan(task.problem, device);
        if (plan.steps.empty()) return "";
        // Where the library has no kernel with this product it is another form's schedule.
        const cuda::ConvKernel &kernel = *plan.steps[task.subject.phase].forms.front().step.kernel;
        return cuda::product_candidate_kind(kernel.format) + "/" + kernel.schedule;
    }
    if (task.subject.phase == kWholeProblem) return "passes";
    if (sizes.direction == Direction::kWgrad) {
        const cuda::WgradPlan plan = cuda::wgrad_plan(sizes, device);
        return plan.kernel == nullptr ? "" : candidate_text("conv2d_wgrad", *plan.kernel);
    }
    const cuda::ConvPlan plan = cuda::conv_plan(sizes, device);
    if (plan.steps.empty()) return "";
    return candidate_text("conv2d", *plan.steps[task.subject.phase].kernel);
}

}  // namespace convwright
