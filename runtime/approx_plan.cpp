// SPDX-License-Identifier: Apache-2.0
#include "runtime/approx_plan.h"

#include <algorithm>
#include <limits>

#include "runtime/packing.h"
#include "runtime/plan_cache.h"
#include "runtime/step_texts.h"
#include "runtime/wgrad_pass.h"

namespace convwright {
namespace {

ApproxStep step_with(const ProductKernel *kernel, const ConvPass &pass) {
    ApproxStep step{pass, kernel, {}, 0};
    if (kernel != nullptr) step.task = task_size(kernel->params, pass, kernel->isa);
    return step;
}

/// The step that tuning chose for a pass; without kernel where it chose none.
ApproxStep tuned_step(const OperatorProblem &problem, const ConvPass &pass, int phase) {
    const std::optional<TunedPass> tuned = tuned_pass(problem, phase);
    ApproxStep step = step_with(tuned ? tuned->product : nullptr, pass);
    step.tuned = step.kernel != nullptr;
    step.shipped = step.tuned && tuned->shipped;
    return step;
}

ApproxStep best_step(const std::string &product, const ConvPass &pass) {
    const ProductKernel *best = nullptr;
    double best_cycles = std::numeric_limits<double>::infinity();
    for (const ProductKernel &kernel : product_kernels()) {
        if (kernel.product != product || kernel.isa > host_isa()) continue;
        const double cycles = predicted_product_cycles(kernel.params, pass, kernel.isa);
        if (cycles < best_cycles) best_cycles = cycles, best = &kernel;
    }
    return step_with(best, pass);
}

/// Packed weights and their words, and the bias.
int64_t packed_floats(const ApproxStep &step, const ProductForm &form, int channels) {
    ConvPass pass = step.pass;
    pass.co = channels;
    const Panels panels(step.kernel->params, step.kernel->isa, pass);
    return panels.weight_floats() * (1 + form.weight_words) + panels.bias_floats();
}

/// Few enough channels at a time that packing them takes at most `limit` floats; a panel at least, and
/// all where there are several groups, whose weights are small.
int channels_at_a_time(const ApproxStep &step, const ProductForm &form, int64_t limit) {
    const int panel = step.kernel->params.panel(vector_lanes(step.kernel->isa));
    int panels = (step.pass.co + panel - 1) / panel;
    if (step.pass.groups > 1) return step.pass.co;
    while (panels > 1 && packed_floats(step, form, panels * panel) > limit)
        panels = (panels + 1) / 2;
    return std::min(panels * panel, step.pass.co);
}

/// Elements of the tensors that a problem reads.
int64_t elements_read(const ConvProblem &p) {
    const int64_t input = p.n * p.ci * p.ih * p.iw;
    const int64_t output = p.n * p.co * p.oh() * p.ow();
    const int64_t weight = p.co * p.ci / p.groups * p.kh * p.kw;
    if (p.direction == Direction::kWgrad) return input + output;
    return weight + (p.direction == Direction::kDgrad ? output : input);
}

/// All passes by what was tuned, else by their best kernels; pass `phase` by `kernel` where that is given.
ApproxPlan plan_steps(const ConvProblem &problem, const ProductForm &form,
                      const ProductKernel *kernel = nullptr, int phase = 0) {
    ApproxPlan plan;
    if (const char *why = why_too_large(problem)) {
        plan.reason = why;
        return plan;
    }
    OperatorProblem approximate(problem);
    approximate.product = form.product;
    const std::vector<ConvPass> passes = product_passes(problem);
    for (size_t i = 0; i < passes.size(); i++) {
        const ConvPass &pass = passes[i];
        const int number = static_cast<int>(i);
        ApproxStep step = step_with(nullptr, pass);
        if (pass.taps() != 0) {
            step = kernel != nullptr && number == phase ? step_with(kernel, pass)
                                                        : tuned_step(approximate, pass, number);
            if (step.kernel == nullptr) step = best_step(form.product, pass);
            if (step.kernel == nullptr) {
                plan.steps.clear();
                plan.reason =
                    "no kernel of this library has the product " + form.product + " on this CPU";
                return plan;
            }
            step.channels = channels_at_a_time(step, form, 2 * elements_read(problem));
            plan.workspace = std::max(plan.workspace, packed_floats(step, form, step.channels));
        }
        plan.steps.push_back(step);
    }
    return plan;
}

/// What a plan depends on beside its problem.
int64_t variant(const ConvProblem &problem, const std::string &product) {
    const std::vector<std::string> &names = product_names();
    const auto index = std::find(names.begin(), names.end(), product) - names.begin();
    return (int64_t{tuned_generation()} * 64 + index) * 2 + problem.bias;
}

}  // namespace

std::string ApproxPlan::kernels() const {
    const std::string names =
        joined_texts(steps, [](const ApproxStep &step) { return step.kernel->name; });
    return names.empty() ? "zeros" : names;
}

std::string ApproxPlan::schedules() const {
    return joined_texts(steps, [](const ApproxStep &step) {
        return step.kernel->schedule + (step.tuned ? tuned_mark(step.shipped) : "");
    });
}

Isa ApproxPlan::isa() const { return highest_isa(steps); }

ApproxPlan approx_plan(const ConvProblem &problem, const ProductForm &form) {
    thread_local PlanCache<ApproxPlan> cache;
    // Of a product steps and workspace are the same whatever the multiplier's constants.
    ApproxPlan plan = cache.get(problem, variant(problem, form.product), form.product,
                                [&] { return plan_steps(problem, form); });
    plan.form = form;
    return plan;
}

ApproxPlan approx_plan_with(const ProductKernel &kernel, const ConvProblem &problem, int phase,
                            const ProductForm &form) {
    ApproxPlan plan = plan_steps(problem, form, &kernel, phase);
    plan.form = form;
    const auto count = static_cast<int>(plan.steps.size());
    const bool used = phase >= 0 && phase < count && plan.steps[phase].kernel == &kernel;
    if (!used) plan.steps.clear();
    return plan;
}

}  // namespace convwright
