// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan.h"

#include <algorithm>
#include <limits>

#include "runtime/packing.h"
#include "runtime/plan_cache.h"
#include "runtime/tuned_choices.h"
#include "runtime/winograd.h"

namespace convwright {
namespace {

thread_local std::string forced_kernel;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

bool pointwise(const PassAxis &a) {
    return a.taps.count == 1 && a.stride == 1 && a.pad == 0 && a.in_step == 1 && a.out_step == 1 &&
           a.in == a.out;
}

/// A 1x1 convolution over dense activations is one matrix product: its rows (and for channels_last
/// its images) become one long row, which leaves no ragged tiles at each row's end.
ConvPass collapsed(ConvPass pass, Format format) {
    if (!pointwise(pass.x) || !pointwise(pass.y)) return pass;
    const int pixels = pass.x.in * pass.y.in * (format == Format::kNhwc ? pass.n : 1);
    pass.x.in = pass.x.out = pixels;
    pass.y.in = pass.y.out = 1;
    if (format == Format::kNhwc) pass.n = 1;
    return pass;
}

template<typename Params>
bool runs_here(const Kernel<Params> &kernel, const ConvProblem &problem) {
    return kernel.isa <= host_isa() && kernel.format == problem.format &&
           kernel.dtype == problem.dtype;
}

template<typename Params>
bool chosen(const Kernel<Params> &kernel) {
    return forced_kernel.empty() || forced_kernel == kernel.name;
}

/// Whether a specialised kernel was built for exactly this pass of exactly this problem.
template<typename Params>
bool covers(const Kernel<Params> &kernel, ConvProblem problem, int phase) {
    if (kernel.problem.empty()) return true;
    problem.bias = problem.relu = false;  // arguments of every kernel
    return kernel.phase == phase && kernel.problem == format_problem(problem);
}

constexpr const char *kNoKernel = "no kernel of this library accepts the problem on this CPU";

std::string no_kernel() {
    return forced_kernel.empty() ? kNoKernel
                                 : "kernel " + forced_kernel + " does not accept the problem";
}

/// The step of `kernel` for a pass; without kernel when it does not accept the pass. Sizes that are
/// compiled in are those of the problem, but for its images.
ConvStep step_of(const ConvKernel &kernel, const ConvProblem &problem, const ConvPass &pass,
                 bool dense) {
    ConvStep step{pass, nullptr, {}};
    if (kernel.params.stage == Conv2dCpuParams::kFolded && !dense) return step;
    if (dense && kernel.problem.empty()) step.pass = collapsed(pass, problem.format);
    if (kernel.params.why_illegal(step.pass, kernel.format, kernel.isa) != nullptr) return step;
    step.kernel = &kernel;
    step.task = task_size(kernel.params, step.pass, kernel.isa);
    return step;
}

ConvStep step_with(const ConvKernel &kernel, const ConvProblem &problem, const ConvPass &pass,
                   int phase, bool dense) {
    if (!covers(kernel, problem, phase)) return {pass, nullptr, {}};
    return step_of(kernel, problem, pass, dense);
}

/// Whether a kernel may be chosen; one that is forced may always run.
bool allowed(const ConvKernel &kernel) { return !kernel.params.winograd() || winograd_allowed(); }

double cycles_of(const ConvStep &step) {
    return step.kernel == nullptr ? 0
                                  : predicted_cycles(step.kernel->params, step.pass,
                                                     step.kernel->format, step.kernel->isa);
}

/// The step that tuning chose for a pass; without kernel where it chose none.
ConvStep tuned_step(const ConvProblem &problem, const ConvPass &pass, int phase, bool dense) {
    const std::optional<TunedPass> tuned = tuned_pass(problem, phase);
    if (!tuned || tuned->conv == nullptr || !allowed(*tuned->conv)) return {pass, nullptr, {}};
    ConvStep step = step_with(*tuned->conv, problem, pass, phase, dense);
    step.tuned = step.kernel != nullptr;
    step.shipped = step.tuned && tuned->shipped;
    step.refused = !step.tuned;
    if (step.refused) note_refused_choice(problem, phase, tuned->conv->name, dense);
    return step;
}

/// The step with the fewest predicted cycles for a pass.
ConvStep best_step(const ConvProblem &problem, const ConvPass &pass, int phase, bool dense) {
    ConvStep best{pass, nullptr, {}};
    double best_cycles = std::numeric_limits<double>::infinity();
    for (const ConvKernel &kernel : conv_kernels()) {
        if (!runs_here(kernel, problem) || !allowed(kernel)) continue;
        const ConvStep step = step_with(kernel, problem, pass, phase, dense);
        if (step.kernel == nullptr) continue;
        const double cycles = cycles_of(step);
        if (cycles < best_cycles) best_cycles = cycles, best = step;
    }
    return best;
}

int64_t workspace_of(const ConvStep &step) {
    if (step.kernel == nullptr) return 0;
    return Panels(step.kernel->params, step.kernel->isa, step.pass).floats();
}

/// All passes by their best kernels, but by `kernel`, where given, those that it accepts.
ConvPlan plan_steps(const ConvKernel *kernel, const ConvProblem &problem, bool dense) {
    ConvPlan plan;
    plan.relu = problem.relu;
    const std::vector<ConvPass> passes = conv_passes(problem);
    // Where no tap reaches any pass there is nothing to refuse.
    bool used = kernel == nullptr || std::all_of(passes.begin(), passes.end(),
                                                 [](const ConvPass &p) { return p.taps() == 0; });
    int phase = 0;
    for (const ConvPass &pass : passes) {
        ConvStep step{pass, nullptr, {}};
        if (pass.taps() != 0) {
            if (kernel != nullptr) step = step_with(*kernel, problem, pass, phase, dense);
            used = used || step.kernel != nullptr;
            if (kernel == nullptr) step = tuned_step(problem, pass, phase, dense);
            if (step.kernel == nullptr) {
                const bool refused = step.refused;
                step = best_step(problem, pass, phase, dense);
                step.refused = refused;
            }
            if (step.kernel == nullptr) return {kNoKernel, {}, false, 0};
        }
        plan.workspace += workspace_of(step);
        plan.steps.push_back(step);
        phase++;
    }
    if (!used) return {kNoKernel, {}, false, 0};
    return plan;
}

double cycles_of(const ConvPlan &plan) {
    double cycles = 0;
    for (const ConvStep &step : plan.steps) cycles += cycles_of(step);
    return cycles;
}

double cycles_of(const WgradPlan &plan, const ConvProblem &problem) {
    return predicted_cycles(plan.kernel->params, problem, plan.kernel->isa);
}

/// What a plan depends on beside its problem and the kernel that is forced.
int64_t variant(bool bit) { return int64_t{tuned_generation()} * 4 + winograd_allowed() * 2 + bit; }

/// `chosen` is a step or a plan.
template<typename Chosen>
const char *tuning_mark(const Chosen &chosen) {
    if (chosen.tuned) return tuned_mark(chosen.shipped);
    return chosen.refused ? kRefusedMark : "";
}

/// What `text` says of each kernel, by its first step.
template<typename Text>
std::string joined(const std::vector<ConvStep> &steps, Text text) {
    std::vector<const ConvKernel *> seen;
    std::string result;
    for (const ConvStep &step : steps) {
        if (step.kernel == nullptr ||
            std::find(seen.begin(), seen.end(), step.kernel) != seen.end()) {
            continue;
        }
        seen.push_back(step.kernel);
        result += (result.empty() ? "" : "+") + text(step);
    }
    return result;
}

}  // namespace

std::string ConvPlan::kernels() const {
    const std::string names = joined(steps, [](const ConvStep &step) { return step.kernel->name; });
    return names.empty() ? "zeros" : names;
}

std::string ConvPlan::schedules() const {
    return joined(steps,
                  [](const ConvStep &step) { return step.kernel->schedule + tuning_mark(step); });
}

std::string WgradPlan::schedules() const { return kernel->schedule + tuning_mark(*this); }

Isa ConvPlan::isa() const {
    Isa isa = Isa::kNone;
    for (const ConvStep &step : steps) {
        if (step.kernel != nullptr) isa = std::max(isa, step.kernel->isa);
    }
    return isa;
}

ConvPlan conv_plan_with(const ConvKernel &kernel, const ConvProblem &problem, bool dense) {
    return plan_steps(&kernel, problem, dense);
}

ConvPlan plan_of_part(const ConvPlan &whole, const ConvProblem &part, bool dense) {
    const std::vector<ConvPass> passes = conv_passes(part);
    if (passes.size() != whole.steps.size()) return {kNoKernel, {}, false, 0};
    ConvPlan plan;
    plan.relu = whole.relu;
    for (size_t i = 0; i < passes.size(); i++) {
        ConvStep step{passes[i], nullptr, {}};
        if (const ConvKernel *kernel = whole.steps[i].kernel) {
            step = step_of(*kernel, part, passes[i], dense);
            if (step.kernel == nullptr) return {kNoKernel, {}, false, 0};
        }
        plan.workspace += workspace_of(step);
        plan.steps.push_back(step);
    }
    return plan;
}

WgradPlan wgrad_plan_of_part(const WgradKernel &kernel, const ConvProblem &problem, bool dense) {
    WgradPlan plan;
    const Conv2dWgradCpuParams &params = kernel.params;
    if (params.why_illegal(problem, kernel.isa) != nullptr) return plan;
    if (params.folds() && !dense) return plan;
    const bool grouped = params.lane == Conv2dWgradCpuParams::kGroups;
    plan.cut = wgrad_cut(params, problem, kernel.isa);
    plan.panel = params.vec * vector_lanes(kernel.isa);
    plan.panels =
        round_up(grouped ? problem.co : problem.co / problem.groups, plan.panel) / plan.panel;
    plan.others = grouped ? 1 : problem.groups;
    plan.ci = round_up(params.row_channels(problem), params.tile);
    plan.kx = round_up(params.row_taps(problem), params.taps_x);
    plan.last_panel_moved_back = !params.copies_gradient();
    plan.workspace = plan.panel * plan.panels * plan.others * plan.ci * problem.kh * plan.kx *
                     plan.cut.parts_y * plan.cut.parts_n;
    plan.kernel = &kernel;
    return plan;
}

WgradPlan wgrad_plan_with(const WgradKernel &kernel, const ConvProblem &problem, bool dense) {
    return covers(kernel, problem, 0) ? wgrad_plan_of_part(kernel, problem, dense) : WgradPlan{};
}

bool pytorch_was_chosen(const ConvProblem &problem) {
    struct Answer {
        bool yes = false;
    };
    thread_local PlanCache<Answer> cache;
    return cache
        .get(problem, variant(problem.bias), forced_kernel,
             [&] {
                 if (!forced_kernel.empty()) return Answer{};
                 for (const int phase : {kWholeProblem, 0}) {
                     const std::optional<TunedPass> tuned = tuned_pass(problem, phase);
                     if (tuned && tuned->kind == "pytorch") return Answer{true};
                 }
                 return Answer{};
             })
        .yes;
}

const ConvPlan &conv_plan(const ConvProblem &problem, bool dense) {
    thread_local PlanCache<ConvPlan> cache;
    return cache.get(problem, variant(dense), forced_kernel, [&]() -> ConvPlan {
        if (const char *why = why_too_large(problem)) return {why, {}, false, 0};
        if (forced_kernel.empty()) return plan_steps(nullptr, problem, dense);
        for (const ConvKernel &kernel : conv_kernels()) {
            if (!chosen(kernel) || !runs_here(kernel, problem)) continue;
            ConvPlan plan = conv_plan_with(kernel, problem, dense);
            if (!plan.steps.empty()) return plan;
        }
        return {no_kernel(), {}, false, 0};
    });
}

const WgradPlan &wgrad_plan(const ConvProblem &problem, bool dense) {
    thread_local PlanCache<WgradPlan> cache;
    return cache.get(problem, variant(dense), forced_kernel, [&] {
        WgradPlan best;
        bool refused = false;
        if (const char *why = why_too_large(problem)) {
            best.reason = why;
            return best;
        }
        if (forced_kernel.empty()) {
            const std::optional<TunedPass> tuned = tuned_pass(problem, 0);
            if (tuned && tuned->wgrad != nullptr)
                best = wgrad_plan_with(*tuned->wgrad, problem, dense);
            best.tuned = best.kernel != nullptr;
            best.shipped = best.tuned && tuned->shipped;
            if (best.tuned) return best;
            refused = tuned && tuned->wgrad != nullptr;
            if (refused) note_refused_choice(problem, 0, tuned->wgrad->name, dense);
        }
        best.reason = no_kernel();
        double best_cycles = std::numeric_limits<double>::infinity();
        for (const WgradKernel &kernel : wgrad_kernels()) {
            if (!chosen(kernel) || !runs_here(kernel, problem)) continue;
            WgradPlan plan = wgrad_plan_with(kernel, problem, dense);
            if (plan.kernel == nullptr) continue;
            const double cycles = cycles_of(plan, problem);
            if (cycles < best_cycles) best_cycles = cycles, best = std::move(plan);
        }
        best.refused = refused;
        return best;
    });
}

std::vector<KernelInfo> accepting_kernels(const ConvProblem &problem, bool dense) {
    if (why_too_large(problem) != nullptr) return {};
    std::vector<std::pair<double, KernelInfo>> ranked;
    const auto add = [&](const auto &kernel, double cycles) {
        ranked.push_back({cycles, {kernel.name, kernel.schedule, kernel.isa}});
    };
    if (problem.direction == Direction::kWgrad) {
        for (const WgradKernel &kernel : wgrad_kernels()) {
            if (!chosen(kernel) || !runs_here(kernel, problem)) continue;
            const WgradPlan plan = wgrad_plan_with(kernel, problem, dense);
            if (plan.kernel != nullptr) add(kernel, cycles_of(plan, problem));
        }
    } else {
        for (const ConvKernel &kernel : conv_kernels()) {
            if (!chosen(kernel) || !runs_here(kernel, problem)) continue;
            const ConvPlan plan = conv_plan_with(kernel, problem, dense);
            if (!plan.steps.empty()) add(kernel, cycles_of(plan));
        }
    }
    // Stable, so that the first of equal predictions comes first, as in best_step().
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto &a, const auto &b) { return a.first < b.first; });
    std::vector<KernelInfo> kernels;
    for (auto &entry : ranked) kernels.push_back(std::move(entry.second));
    return kernels;
}

bool force_kernel(const std::string &name) {
    const auto named = [&](const auto &kernel) { return kernel.name == name; };
    if (!name.empty() && std::none_of(conv_kernels().begin(), conv_kernels().end(), named) &&
        std::none_of(wgrad_kernels().begin(), wgrad_kernels().end(), named)) {
        return false;
    }
    forced_kernel = name;
    return true;
}

}  // namespace convwright
