// SPDX-License-Identifier: Apache-2.0
#include "runtime/weighted_sum.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "runtime/packing.h"
#include "runtime/plan_cache.h"
#include "runtime/tuned_choices.h"
#include "runtime/weighted_sum_passes.h"

namespace convwright {
namespace {

// Scratch of a task in floats, as in cost_model.cpp: half of a 1 MB L2.
constexpr int64_t kTaskFloats = 96 * 1024;
// A task computes halo rows that its neighbour computes too: at least this many rows for each.
constexpr int64_t kRowsPerHalo = 4;

int task_rows(const ConvProblem &p) {
    const int64_t halo = (p.kh - 1) * p.dilation_h;
    const int64_t fits = (kTaskFloats / std::max<int64_t>(p.co * p.iw, 1) - halo) / p.stride_h;
    return static_cast<int>(std::clamp<int64_t>(std::max(fits, kRowsPerHalo * halo), 1, p.oh()));
}

const char *why_illegal(const WeightedSumKernel &kernel, const ConvProblem &p,
                        const WeightedSumPlan &plan) {
    if (kernel.isa > host_isa() || kernel.dtype != p.dtype) return "another CPU or dtype";
    if (const char *why = why_not_fused(p, {plan.mix, plan.window})) return why;
    return kernel.params.why_illegal(plan.mix, plan.window, kernel.isa);
}

/// Everything but the kernel.
WeightedSumPlan without_kernel(const ConvProblem &problem) {
    WeightedSumPlan plan;
    plan.reason = "no fused kernel of this library accepts the problem on this CPU";
    if (const char *why = why_not_mixed(problem)) {
        plan.reason = why;
        return plan;
    }
    const WeightedSumPasses passes = weighted_sum_passes(problem);
    plan.mix = passes.mix, plan.window = passes.window;
    plan.rows = task_rows(problem);
    plan.relu = problem.relu;
    return plan;
}

/// Gives the plan the kernel if that one accepts the problem.
void take_kernel(WeightedSumPlan &plan, const WeightedSumKernel &kernel,
                 const ConvProblem &problem) {
    if (why_not_mixed(problem) != nullptr || why_illegal(kernel, problem, plan) != nullptr) return;
    plan.kernel = &kernel;
    plan.workspace = Panels(kernel.params.pointwise(), kernel.isa, plan.mix).weight_floats() +
                     Panels(kernel.params.depthwise(), kernel.isa, plan.window).floats();
}

WeightedSumPlan best_plan(const ConvProblem &problem) {
    WeightedSumPlan plan = without_kernel(problem);
    if (why_not_mixed(problem) != nullptr) return plan;
    const std::optional<TunedPass> tuned = tuned_pass({problem, Operator::kWeightedSum}, 0);
    if (tuned && tuned->weighted_sum != nullptr) take_kernel(plan, *tuned->weighted_sum, problem);
    plan.tuned = plan.kernel != nullptr;
    plan.shipped = plan.tuned && tuned->shipped;
    if (plan.tuned) return plan;
    const WeightedSumKernel *best = nullptr;
    double best_cycles = std::numeric_limits<double>::infinity();
    for (const WeightedSumKernel &kernel : weighted_sum_kernels()) {
        if (why_illegal(kernel, problem, plan) != nullptr) continue;
        const double cycles = predicted_cycles(kernel.params, {plan.mix, plan.window}, kernel.isa);
        if (cycles < best_cycles) best_cycles = cycles, best = &kernel;
    }
    if (best != nullptr) take_kernel(plan, *best, problem);
    return plan;
}

}  // namespace

std::string WeightedSumPlan::schedule() const {
    return kernel->schedule + (tuned ? tuned_mark(shipped) : "");
}

WeightedSumPlan weighted_sum_plan_with(const WeightedSumKernel &kernel,
                                       const ConvProblem &problem) {
    WeightedSumPlan plan = without_kernel(problem);
    take_kernel(plan, kernel, problem);
    return plan;
}

const WeightedSumPlan &weighted_sum_plan(const ConvProblem &problem) {
    thread_local PlanCache<WeightedSumPlan> cache;
    return cache.get(problem, tuned_generation(), /*forced=*/"",
                     [&] { return best_plan(problem); });
}

bool run_weighted_sum(CallContext &context, const WeightedSumPlan &plan, const Activation &input,
                      const Weight &pointwise, const Weight &depthwise, const void *bias,
                      const Activation &output, float *workspace) {
    const WeightedSumKernel &kernel = *plan.kernel;
    const ConvPass &mix = plan.mix, &window = plan.window;
    const Panels mixing(kernel.params.pointwise(), kernel.isa, mix);
    const Panels taps(kernel.params.depthwise(), kernel.isa, window);
    float *packed = workspace, *packed_taps = packed + mixing.weight_floats();
    float *packed_bias = packed_taps + taps.weight_floats();
    if (!pack_weight(context, kernel.isa, kernel.dtype, mix, pointwise, mixing, packed) ||
        !pack_weight(context, kernel.isa, kernel.dtype, window, depthwise, taps, packed_taps)) {
        return false;
    }
    pack_bias(bias, kernel.dtype, window, taps, packed_bias);

    BufferView<5> in(input.data,
                     {{{mix.ci, input.c},
                       {1, mix.ci * input.c},
                       {window.x.in, input.w},
                       {window.y.in, input.h},
                       {window.n, input.n}}},
                     kernel.dtype);
    BufferView<5> out(output.data,
                      {{{1, output.c},
                        {window.groups, output.c},
                        {window.x.out, output.w},
                        {window.y.out, output.h},
                        {window.n, output.n}}},
                      kernel.dtype);
    BufferView<6> w = mixing.weight(packed), d = taps.weight(packed_taps);
    BufferView<3> b = taps.bias(packed_bias);
    void *user_context = &context;
    float floor = plan.relu ? 0.0f : -std::numeric_limits<float>::infinity();
    PassAxis x = window.x, y = window.y;
    int rows = plan.rows;
    void *arguments[] = {&user_context, in.get(),    w.get(),   d.get(),  b.get(),
                         &floor,        &x.stride,   &y.stride, &x.pad,   &y.pad,
                         &x.dilation,   &y.dilation, &rows,     out.get()};
    return kernel.call(arguments) == 0;
}

}  // namespace convwright
