// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/approx_plan.h"

#include <algorithm>
#include <limits>

#include "runtime/cuda/tuned_choices.h"
#include "runtime/multipliers/product_choice.h"
#include "runtime/tuned_choices.h"
#include "runtime/wgrad_pass.h"

namespace convwright::cuda {
namespace {

constexpr int kElementsPerThread = 16, kMostRangeBlocks = 512;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The kernel with the fewest predicted cycles; none where no kernel takes the pass.
ConvStep best_step(const ConvPass &pass, const std::string &product, const ConvProblem &p,
                   const Device &device, const Placed &placed) {
    ConvStep best{pass, nullptr, 1, std::numeric_limits<double>::infinity()};
    for (const ProductKernel &kernel : product_kernels()) {
        if (kernel.product != product) continue;
        if (why_no_product_kernel(kernel.params, kernel.format, p, pass, device, placed) != nullptr)
            continue;
        const double cycles =
            predicted_cycles(kernel.params, pass, product, device.multiprocessors);
        if (cycles < best.cycles) best.kernel = &kernel, best.cycles = cycles;
    }
    return best;
}

/// The step of the kernel that tuning chose for a form's product, else the best one.
ConvStep tuned_or_best_step(const ConvPass &pass, int phase, const std::string &product,
                            const ConvProblem &p, const Device &device, const Placed &placed) {
    ConvStep best = best_step(pass, product, p, device, placed);
    OperatorProblem approximate(p);
    approximate.product = product;
    const std::optional<TunedPass> tuned = tuned_pass(approximate, phase, device);
    if (!tuned || tuned->product == nullptr) return best;
    const ProductKernel &kernel = *tuned->product;
    const auto takes = [&](const Placed &where) {
        return why_no_product_kernel(kernel.params, kernel.format, p, pass, device, where) ==
               nullptr;
    };
    if (!takes(placed)) {
        best.mark = leave_aside(approximate, phase, kernel.name,
                                takes({}) ? LeftAside::kOfPlace : LeftAside::kOfSizes);
        return best;
    }
    const double cycles = predicted_cycles(kernel.params, pass, product, device.multiprocessors);
    return {pass, &kernel, 1, cycles, tuned_mark(tuned->shipped)};
}

/// What `text` says of the kernels, each set of forms once.
template<typename Text>
std::string joined(const std::vector<ApproxStep> &steps, Text text) {
    std::vector<std::string> seen;
    for (const ApproxStep &step : steps) {
        std::string forms;
        for (const FormStep &form : step.forms) {
            const std::string one = text(form.step);
            if (forms.find(one) == std::string::npos) forms += (forms.empty() ? "" : "|") + one;
        }
        if (forms.empty() || std::find(seen.begin(), seen.end(), forms) != seen.end()) continue;
        seen.push_back(forms);
    }
    std::string result;
    for (const std::string &forms : seen) result += (result.empty() ? "" : "+") + forms;
    return result.empty() ? "zeros" : result;
}

ApproxPlan no_plan(const std::string &why) {
    ApproxPlan refused;
    refused.reason = why;
    return refused;
}

std::string no_kernel_with(const std::string &product) {
    return "no CUDA kernel with the product " + product + " takes this problem";
}

/// Sizes of the workspace, once all else is known.
void lay_out(ApproxPlan &plan) {
    constexpr int kChosen = 4;  // one word, and what follows begins at 16 bytes
    for (const ApproxStep &step : plan.steps)
        for (const FormStep &form : step.forms)
            plan.packed_floats = std::max(plan.packed_floats, StepLayout(form.step).packed_floats);
    plan.packed_floats = divide_up(plan.packed_floats, 4) * 4;
    plan.workspace = plan.packed_floats +
                     (plan.chooses ? kChosen + 2 * ApproxPlan::kRangeWords * plan.range_blocks : 0);
}

}  // namespace

std::string ApproxPlan::kernels() const {
    return joined(steps, [](const ConvStep &step) { return step.kernel->name; });
}

std::string ApproxPlan::schedules() const {
    return joined(steps, [](const ConvStep &step) { return step.kernel->schedule + step.mark; });
}

std::vector<ProductForm> device_forms(const Multiplier &m) {
    std::vector<ProductForm> forms;
    for (const ProductForm &form : {product_form(m, true, false), product_form(m, true, true),
                                    product_form(m, false, true)}) {
        if (forms.empty() || forms.back().product != form.product) forms.push_back(form);
    }
    return forms;
}

std::vector<ProductForm> device_forms_of_table(int bits) {
    ProductForm form;
    form.product = "mantissa_table";
    form.arguments.correction = bits;
    return {form};
}

ApproxPlan approx_plan(const ConvProblem &problem, const std::vector<ProductForm> &forms,
                       const Device &device, const Placed &placed) {
    ApproxPlan plan;
    if (const char *why = why_no_approx_plan(problem)) return no_plan(why);
    if (placed.index_bits != 32) return no_plan(kTooLargeForProducts);
    plan.problem = problem;
    plan.most = product_choice(forms.front().product);
    for (const ConvPass &pass : product_passes(problem)) {
        ApproxStep step{pass, {}};
        const int phase = static_cast<int>(plan.steps.size());
        for (const ProductForm &form : forms) {
            if (pass.taps() == 0) break;
            const ConvStep found =
                tuned_or_best_step(pass, phase, form.product, problem, device, placed);
            if (found.kernel != nullptr) {
                step.forms.push_back({form, found});
            } else if (product_choice(form.product) == 2) {
                plan.most = 1;  // the form for any weight takes its operands, too
            } else {
                return no_plan(no_kernel_with(form.product));
            }
        }
        // In a larger tile the form without zeros may take longer than the one for any weight.
        const auto &kept = step.forms;
        if (kept.size() > 1 && product_choice(kept[0].form.product) == 2 &&
            kept[0].step.cycles > kept[1].step.cycles)
            plan.most = 1;
        plan.steps.push_back(step);
    }
    for (ApproxStep &step : plan.steps) {
        const auto beyond = [&](const FormStep &form) {
            return product_choice(form.form.product) > plan.most;
        };
        step.forms.erase(std::remove_if(step.forms.begin(), step.forms.end(), beyond),
                         step.forms.end());
    }
    plan.chooses = plan.most >= 0;
    if (plan.most > 0) {
        const int64_t share = int64_t{ApproxPlan::kRangeThreads} * kElementsPerThread;
        plan.range_blocks = static_cast<int>(std::clamp<int64_t>(
            divide_up(static_cast<int64_t>(most_elements(problem)), share), 1, kMostRangeBlocks));
    }
    lay_out(plan);
    return plan;
}

ApproxPlan forced_approx_plan(const ConvProblem &problem, const std::vector<ProductForm> &forms,
                              const Device &device, const ProductKernel *kernel, int phase) {
    if (const char *why = why_no_approx_plan(problem)) return no_plan(why);
    ApproxPlan plan;
    plan.problem = problem, plan.forced = true;
    const std::vector<ConvPass> passes = product_passes(problem);
    // Small problems may have fewer passes than the one that a kernel was made for.
    if (kernel != nullptr && (phase < 0 || static_cast<size_t>(phase) >= passes.size()))
        return no_plan("there is no pass " + std::to_string(phase));
    for (const ConvPass &pass : passes) {
        ApproxStep step{pass, {}};
        const bool given = kernel != nullptr && plan.steps.size() == static_cast<size_t>(phase);
        if (given) {
            const char *why =
                pass.taps() == 0
                    ? "no tap reaches this pass"
                    : why_no_product_kernel(kernel->params, kernel->format, problem, pass, device);
            if (why != nullptr) return no_plan(why);
            const double cycles =
                predicted_cycles(kernel->params, pass, kernel->product, device.multiprocessors);
            step.forms = {{forms.front(), {pass, kernel, 1, cycles}}};
        }
        for (const ProductForm &form : forms) {
            if (pass.taps() == 0 || !step.forms.empty()) break;
            const ConvStep found = best_step(pass, form.product, problem, device, {});
            if (found.kernel != nullptr) step.forms = {{form, found}};
        }
        if (pass.taps() > 0 && step.forms.empty())
            return no_plan(no_kernel_with(forms.front().product));
        for (const FormStep &form : step.forms)
            plan.chooses = plan.chooses || product_choice(form.form.product) >= 0;
        plan.steps.push_back(step);
    }
    lay_out(plan);
    return plan;
}

}  // namespace convwright::cuda
