// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan.h"

#include <algorithm>
#include <array>
#include <limits>

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
           (forced_kernel.empty() || forced_kernel == kernel.name);
}

/// Whether a specialised kernel was built for exactly this problem.
template<typename Params>
bool covers(const Kernel<Params> &kernel, ConvProblem problem) {
    if (kernel.problem.empty()) return true;
    problem.bias = false;  // the bias is an argument of every kernel
    return kernel.problem == format_problem(problem);
}

constexpr const char *kNoKernel = "no kernel of this library accepts the problem on this CPU";

/// Best of `plans` by predicted cycles; the forced kernel is the only candidate when there is one.
template<typename Plan, typename Kernels, typename MakePlan, typename Cycles>
Plan best_plan(const Kernels &kernels, const ConvProblem &problem, MakePlan make, Cycles cycles) {
    Plan best;
    if (const char *why = why_too_large(problem)) {
        best.reason = why;
        return best;
    }
    best.reason = forced_kernel.empty()
                      ? kNoKernel
                      : "kernel " + forced_kernel + " does not accept the problem";
    double best_cycles = std::numeric_limits<double>::infinity();
    for (const auto &kernel : kernels) {
        if (!runs_here(kernel, problem)) continue;
        Plan plan = make(kernel);
        if (plan.kernel == nullptr) continue;
        const double predicted = cycles(plan);
        if (predicted >= best_cycles) continue;
        best_cycles = predicted;
        best = std::move(plan);
    }
    return best;
}

double cycles_of(const ConvPlan &plan) {
    double cycles = 0;
    for (const ConvPass &pass : plan.passes) {
        cycles +=
            predicted_cycles(plan.kernel->params, pass, plan.kernel->format, plan.kernel->isa);
    }
    return cycles;
}

double cycles_of(const WgradPlan &plan, const ConvProblem &problem) {
    return predicted_cycles(plan.kernel->params, problem, plan.kernel->isa);
}

/// The last plans of a thread, direct-mapped. A training step asks for the same few dozen problems
/// again and again; ranking costs a microsecond, a look-up 30 ns.
template<typename Plan>
class PlanCache {
public:
    template<typename Make>
    const Plan &get(const ConvProblem &problem, bool dense, Make make) {
        Slot &slot = slots_[hash(problem, dense) % slots_.size()];
        if (!slot.used || slot.dense != dense || !(slot.problem == problem) ||
            slot.forced != forced_kernel) {
            slot.plan = make();
            slot.problem = problem, slot.dense = dense, slot.forced = forced_kernel;
            slot.used = true;
        }
        return slot.plan;
    }

private:
    struct Slot {
        bool used = false, dense = false;
        std::string forced;
        ConvProblem problem;
        Plan plan;
    };
    static size_t hash(const ConvProblem &p, bool dense) {
        size_t h = dense;
        for (const int64_t v :
             {p.n, p.ci, p.ih, p.iw, p.co, p.kh, p.kw, p.stride_h, p.groups,
              static_cast<int64_t>(p.direction), static_cast<int64_t>(p.format)}) {
            h = h * 1000003 + static_cast<size_t>(v);
        }
        return h ^ (h >> 17);
    }
    std::array<Slot, 64> slots_;
};

}  // namespace

ConvPlan conv_plan_with(const ConvKernel &kernel, const ConvProblem &problem, bool dense) {
    ConvPlan plan;
    if (!covers(kernel, problem)) return plan;
    const Conv2dCpuParams &params = kernel.params;
    const int lanes = vector_lanes(kernel.isa);
    plan.passes = conv_passes(problem);
    const bool specialised = !kernel.problem.empty();
    if (specialised && plan.passes.size() != 1) return plan;
    for (ConvPass &pass : plan.passes) {
        if (dense && !specialised) pass = collapsed(pass, problem.format);
        if (params.why_illegal(pass, kernel.format, kernel.isa) != nullptr) return plan;
        plan.tasks.push_back(task_size(params, pass, kernel.isa));
        const int64_t panel = params.panel(lanes);
        const int64_t groups = params.lane == Conv2dCpuParams::kGroups
                                   ? round_up(pass.groups, params.vec * lanes)
                                   : pass.groups;
        const int64_t channels = round_up(pass.co, panel) * groups;
        plan.workspace = std::max(plan.workspace, channels * (1 + int64_t{pass.ci} * pass.taps()));
    }
    plan.kernel = &kernel;
    return plan;
}

WgradPlan wgrad_plan_with(const WgradKernel &kernel, const ConvProblem &problem) {
    WgradPlan plan;
    const Conv2dWgradCpuParams &params = kernel.params;
    if (!covers(kernel, problem) || params.why_illegal(problem, kernel.isa) != nullptr) return plan;
    const bool grouped = params.lane == Conv2dWgradCpuParams::kGroups;
    plan.cut = wgrad_cut(params, problem, kernel.isa);
    plan.panel = params.vec * vector_lanes(kernel.isa);
    plan.panels =
        round_up(grouped ? problem.groups : problem.co / problem.groups, plan.panel) / plan.panel;
    plan.others = grouped ? 1 : problem.groups;
    plan.ci = round_up(problem.ci / problem.groups, params.tile);
    plan.workspace = plan.panel * plan.panels * plan.others * plan.ci * problem.kh * problem.kw *
                     plan.cut.parts_y * plan.cut.parts_n;
    plan.kernel = &kernel;
    return plan;
}

const ConvPlan &conv_plan(const ConvProblem &problem, bool dense) {
    thread_local PlanCache<ConvPlan> cache;
    return cache.get(problem, dense, [&] {
        return best_plan<ConvPlan>(
            conv_kernels(), problem,
            [&](const ConvKernel &kernel) { return conv_plan_with(kernel, problem, dense); },
            [](const ConvPlan &plan) { return cycles_of(plan); });
    });
}

const WgradPlan &wgrad_plan(const ConvProblem &problem) {
    thread_local PlanCache<WgradPlan> cache;
    return cache.get(problem, false, [&] {
        return best_plan<WgradPlan>(
            wgrad_kernels(), problem,
            [&](const WgradKernel &kernel) { return wgrad_plan_with(kernel, problem); },
            [&](const WgradPlan &plan) { return cycles_of(plan, problem); });
    });
}

std::vector<KernelInfo> accepting_kernels(const ConvProblem &problem, bool dense) {
    if (why_too_large(problem) != nullptr) return {};
    std::vector<std::pair<double, KernelInfo>> ranked;
    const auto add = [&](const auto &plan, double cycles) {
        ranked.push_back({cycles, {plan.kernel->name, plan.kernel->schedule, plan.kernel->isa}});
    };
    if (problem.direction == Direction::kWgrad) {
        for (const WgradKernel &kernel : wgrad_kernels()) {
            if (!runs_here(kernel, problem)) continue;
            const WgradPlan plan = wgrad_plan_with(kernel, problem);
            if (plan.kernel != nullptr) add(plan, cycles_of(plan, problem));
        }
    } else {
        for (const ConvKernel &kernel : conv_kernels()) {
            if (!runs_here(kernel, problem)) continue;
            const ConvPlan plan = conv_plan_with(kernel, problem, dense);
            if (plan.kernel != nullptr) add(plan, cycles_of(plan));
        }
    }
    // Stable, so that the first of equal predictions comes first, as in best_plan().
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
