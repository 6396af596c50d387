// SPDX-License-Identifier: Apache-2.0
#include "autotune/cuda_tasks.h"

#include <algorithm>
#include <optional>

#include "autotune/cuda_spaces.h"
#include "autotune/verify/product_model.h"
#include "runtime/cuda/approx_plan.h"
#include "runtime/cuda/byte_plan.h"
#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/cuda/weighted_sum.h"
#include "runtime/cuda/weighted_sum_grad.h"
#include "runtime/cuda/wgrad_plan.h"
#include "runtime/weighted_sum_passes.h"

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

/// The gradients of a weighted sum's step, which one kernel may compute; nothing of what has none, or is composed.
std::optional<CountedProblem> gradients_of(const CountedProblem &counted) {
    const OperatorProblem &called = counted.problem;
    if (called.op != Operator::kWeightedSum || !called.step || counted.kind == "composed")
        return std::nullopt;
    ConvProblem sizes = called.sizes;
    sizes.direction = Direction::kDgrad, sizes.bias = sizes.relu = false;
    return CountedProblem{{sizes, called.op}, counted.count};
}

/// Tasks whose candidates run what others search come after those.
int stage(const TuningTask &task) {
    if (task.problem.op == Operator::kConv2d) return task.subject.phase == kWholeProblem ? 1 : 0;
    const bool has_schedules = task.problem.op == Operator::kWeightedSum && !task.problem.step;
    return has_schedules ? 2 : 3;
}

/// What runs without tuning where a weighted sum's forward is fused; there is no kernel of other problems.
cuda::WeightedSumPlan fused_plan(const OperatorProblem &whole, const cuda::Device &device) {
    if (whole.op != Operator::kWeightedSum || whole.is_fused_gradients()) return {};
    return cuda::weighted_sum_plan(whole.sizes, device, {});
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
        tasks.push_back({subject, whole, counted.count * cycles, counted.kind, counted.problem});
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
    if (whole.is_row_of_two()) {
        if (const char *why = why_not_mixed(problem)) return why;
        const cuda::WeightedSumPlan plan = fused_plan(whole, device);
        const bool has_schedules = plan.kernel != nullptr && !whole.step;
        add(0, has_schedules ? cuda::predicted_cycles(plan.kernel->params, plan.mix, plan.window,
                                                      device.multiprocessors)
                             : 0);
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
        // That nothing fuses its gradients leaves nothing out of a step.
        if (const auto gradients = gradients_of(counted)) add_tasks(tasks, *gradients, device);
        const std::string why = add_tasks(tasks, counted, device);
        if (!why.empty())
            left_out.push_back(format_problem(tuned_subject(counted.problem)) + ": " + why + ".");
    }
    std::stable_sort(tasks.begin(), tasks.end(), [](const TuningTask &a, const TuningTask &b) {
        return stage(a) != stage(b) ? stage(a) < stage(b) : a.weight > b.weight;
    });
    return tasks;
}

Space cuda_space_of(const TuningTask &task, const cuda::Device &device) {
    const bool fused = fused_plan(task.problem, device).kernel != nullptr;
    return cuda_space(task.problem, task.subject.phase, device, fused);
}

std::string untuned_cuda_candidate(const TuningTask &task, const cuda::Device &device) {
    const ConvProblem &sizes = task.problem.sizes;
    if (task.problem.is_fused_gradients()) {
        const cuda::WeightedSumGradPlan plan = untuned_gradients_plan(sizes, device);
        return plan.kernel == nullptr ? kUnfusedKind
                                      : candidate_text("weighted_sum_grad", *plan.kernel);
    }
    if (task.problem.is_row_of_two()) {
        if (task.kind != kFusedKind) return task.kind;
        const cuda::WeightedSumPlan plan = fused_plan(task.problem, device);
        if (plan.kernel == nullptr) return kUnfusedKind;
        return task.problem.step ? kFusedKind : candidate_text("weighted_sum", *plan.kernel);
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

std::vector<TuningTask> tasks_on(const cuda::Device *gpu,
                                 const std::vector<CountedProblem> &problems,
                                 std::vector<std::string> &left_out) {
    return gpu != nullptr ? cuda_tuning_tasks(problems, *gpu, left_out)
                          : tuning_tasks(problems, left_out);
}

Space space_on(const cuda::Device *gpu, const TuningTask &task, const std::vector<Isa> &isas) {
    return gpu != nullptr ? cuda_space_of(task, *gpu) : space_of(task, isas);
}

std::string untuned_on(const cuda::Device *gpu, const TuningTask &task) {
    return gpu != nullptr ? untuned_cuda_candidate(task, *gpu) : untuned_candidate(task);
}

}  // namespace convwright
