// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/conv_plan.h"

#include <algorithm>
#include <limits>

#include "runtime/cuda/conv_cost.h"
#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/pass_limits.h"
#include "runtime/tuned_choices.h"

namespace convwright::cuda {
namespace {

using P = Conv2dCudaParams;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Whether a plan may have the kernel: the one that is forced, else any that rounds no more than allowed.
bool chosen(const ConvKernel &kernel, bool tf32) {
    if (!forced_kernel().empty()) return forced_kernel() == kernel.name;
    return tf32 || kernel.params.mma != P::kTf32;
}

/// Whether the kernel is for such tensors at all.
bool is_for(const ConvKernel &kernel, const ConvProblem &problem, const Placed &placed) {
    if (kernel.format != problem.format || kernel.dtype != problem.dtype) return false;
    if (placed.index_bits == 0 || kernel.index_bits < placed.index_bits) return false;
    return has_its_vectors(kernel.params, problem, placed);
}

/// The step of `kernel` for a pass; without kernel when it does not accept the pass.
ConvStep step_with(const ConvKernel &kernel, const ConvProblem &problem, const ConvPass &pass,
                   const Device &device, const Placed &placed) {
    ConvStep step{pass};
    const P &params = kernel.params;
    if (!is_for(kernel, problem, placed)) return step;
    if (pass.taps() == 0 && params.engine != P::kDirect) return step;
    if (params.why_illegal(pass, problem.format, device.compute_capability, device.shared_bytes) !=
        nullptr) {
        return step;
    }
    if (params.split) step.parts = split_parts(params, pass, device.multiprocessors);
    step.kernel = &kernel;
    step.cycles = predicted_cycles(params, pass, device.multiprocessors, step.parts);
    // 64-bit addresses take two registers and two instructions each.
    if (kernel.index_bits == 64) step.cycles *= 2;
    return step;
}

ConvStep best_step(const ConvProblem &problem, const ConvPass &pass, const Device &device,
                   const Placed &placed, bool tf32) {
    ConvStep best{pass};
    best.cycles = std::numeric_limits<double>::infinity();
    for (const ConvKernel &kernel : conv_kernels()) {
        if (kernel.params.mma == P::kTf32 && !tf32) continue;
        const ConvStep step = step_with(kernel, problem, pass, device, placed);
        if (step.kernel != nullptr && step.cycles < best.cycles) best = step;
    }
    return best;
}

/// Why a chosen kernel, with its step, does not run in the place of the best one; nothing if it does.
std::optional<LeftAside> why_left_aside(const ConvStep &chosen, const ConvKernel &kernel,
                                        const ConvStep &best, bool tf32) {
    const bool rounds = kernel.params.mma == P::kTf32;
    if (chosen.kernel == nullptr) return LeftAside::kOfSizes;
    if (rounds && !tf32) return LeftAside::kOfRounding;
    if (!rounds && best.kernel != nullptr && best.kernel->params.mma == P::kTf32)
        return LeftAside::kForTensorCores;
    return std::nullopt;
}

/// The step of the kernel that tuning chose for a pass, else the best one.
ConvStep tuned_or_best_step(const ConvProblem &problem, const ConvPass &pass, int phase,
                            const Device &device, const Placed &placed, bool tf32) {
    ConvStep best = best_step(problem, pass, device, placed, tf32);
    if (pass.taps() == 0) return best;
    const std::optional<TunedPass> tuned = tuned_pass(problem, phase, device);
    if (!tuned || tuned->conv == nullptr) return best;
    const ConvKernel &kernel = *tuned->conv;
    ConvStep chosen = step_with(kernel, problem, pass, device, placed);
    std::optional<LeftAside> why = why_left_aside(chosen, kernel, best, tf32);
    if (!why) {
        chosen.mark = tuned_mark(tuned->shipped);
        return chosen;
    }
    if (why == LeftAside::kOfSizes &&
        step_with(kernel, problem, pass, device, {}).kernel != nullptr)
        why = LeftAside::kOfPlace;
    best.mark = leave_aside(problem, phase, kernel.name, *why);
    return best;
}

/// All passes by their best kernels, but by `kernel`, where given, those that it accepts.
ConvPlan plan_steps(const ConvKernel *kernel, const ConvProblem &problem, const Device &device,
                    const Placed &placed, bool tf32) {
    const auto none = [](const std::string &why) {
        ConvPlan refused;
        refused.reason = why;
        return refused;
    };
    if (const char *why = why_no_passes(problem)) return none(why);
    ConvPlan plan;
    plan.relu = problem.relu, plan.format = problem.format, plan.dtype = problem.dtype;
    const std::vector<ConvPass> passes = conv_passes(problem);
    // Where no tap reaches any pass there is nothing to refuse.
    bool used = kernel == nullptr || std::all_of(passes.begin(), passes.end(),
                                                 [](const ConvPass &p) { return p.taps() == 0; });
    int phase = 0;
    for (const ConvPass &pass : passes) {
        ConvStep step{pass};
        if (kernel == nullptr) {
            step = tuned_or_best_step(problem, pass, phase++, device, placed, tf32);
        } else {
            step = step_with(*kernel, problem, pass, device, placed);
            used = used || step.kernel != nullptr;
            if (step.kernel == nullptr) step = best_step(problem, pass, device, placed, tf32);
        }
        if (step.kernel == nullptr) {
            plan.steps.clear();
            break;
        }
        const StepLayout layout(step);
        plan.workspace = std::max(plan.workspace, layout.packed_floats + layout.partial_floats);
        plan.steps.push_back(step);
    }
    return plan.steps.empty() || !used ? none(why_no_kernel()) : plan;
}

/// What `text` says of each kernel, once.
template<typename Text>
std::string joined(const std::vector<ConvStep> &steps, Text text) {
    std::vector<const ConvKernel *> seen;
    std::string result;
    for (const ConvStep &step : steps) {
        if (std::find(seen.begin(), seen.end(), step.kernel) != seen.end()) continue;
        seen.push_back(step.kernel);
        result += (result.empty() ? "" : "+") + text(step);
    }
    return result;
}

}  // namespace

StepLayout::StepLayout(const ConvStep &step) {
    const P &params = step.kernel->params;
    if (params.engine != P::kGemm) return;
    const ConvPass &pass = step.pass;
    panel = params.co, panels = params.co_tiles(pass);
    ci = params.linear ? pass.ci : divide_up(pass.ci, params.chunk) * params.chunk;
    turns = divide_up(params.turns(pass), step.parts);
    // Rows of taps that cover all turns of all parts.
    rows = divide_up(turns * step.parts * params.chunk, ci * pass.x.taps.count);
    k = ci * pass.x.taps.count * rows;
    packed_floats = panel * panels * pass.groups * k;
    if (params.mma == P::kShortFloats) {
        k = divide_up(k, 8) * 8;  // rows start at multiples of 16 bytes
        packed_floats = panel * panels * pass.groups * k / 2;
    }
    if (!params.split) return;
    partial_co = panels * panel, partial_pixels = params.px_tiles(pass) * params.px;
    partial_floats = partial_co * partial_pixels * pass.groups * step.parts;
}

std::string ConvPlan::kernels() const {
    return joined(steps, [](const ConvStep &step) { return step.kernel->name; });
}

std::string ConvPlan::schedules() const {
    return joined(steps, [](const ConvStep &step) { return step.kernel->schedule + step.mark; });
}

double ConvPlan::cycles() const {
    double sum = 0;
    for (const ConvStep &step : steps) sum += step.cycles;
    return sum;
}

ConvPlan conv_plan_with(const ConvKernel &kernel, const ConvProblem &problem, const Device &device,
                        const Placed &placed, bool tf32) {
    return plan_steps(&kernel, problem, device, placed, tf32);
}

ConvPlan conv_plan(const ConvProblem &problem, const Device &device, const Placed &placed,
                   bool tf32) {
    if (forced_kernel().empty()) return plan_steps(nullptr, problem, device, placed, tf32);
    for (const ConvKernel &kernel : conv_kernels()) {
        if (!chosen(kernel, tf32)) continue;
        ConvPlan plan = conv_plan_with(kernel, problem, device, placed, tf32);
        if (!plan.steps.empty()) return plan;
    }
    ConvPlan none;
    none.reason = why_no_kernel();
    return none;
}

std::vector<const ConvKernel *> accepting_kernels(const ConvProblem &problem, const Device &device,
                                                  const Placed &placed, bool tf32) {
    std::vector<std::pair<double, const ConvKernel *>> ranked;
    for (const ConvKernel &kernel : conv_kernels()) {
        if (!chosen(kernel, tf32)) continue;
        const ConvPlan plan = conv_plan_with(kernel, problem, device, placed, tf32);
        if (!plan.steps.empty()) ranked.emplace_back(plan.cycles(), &kernel);
    }
    // Stable, so that the first of equal predictions comes first, as in conv_plan().
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto &a, const auto &b) { return a.first < b.first; });
    std::vector<const ConvKernel *> kernels;
    for (const auto &[cycles, kernel] : ranked) kernels.push_back(kernel);
    return kernels;
}

}  // namespace convwright::cuda
