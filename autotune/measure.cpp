// SPDX-License-Identifier: Apache-2.0
#include "autotune/measure.h"

#include "autotune/verify/call_tensors.h"
#include "autotune/verify/weighted_sum_values.h"
#include "autotune/verify/why_wrong.h"

namespace convwright {
namespace {

Measured failed(Outcome outcome, const std::string &why) {
    Measured measured;
    measured.result.outcome = outcome;
    measured.result.reason = why;
    return measured;
}

/// The kernel that a job names: one of the library's, or the one that `load` loads.
template<typename Params, typename Load>
const Kernel<Params> &kernel_of(const MeasureJob &job, const std::vector<Kernel<Params>> &shipped,
                                Load load) {
    for (const Kernel<Params> &kernel : shipped)
        if (kernel.name == job.shipped) return kernel;
    const auto loaded = load(job.made);
    if (const auto *why = std::get_if<std::string>(&loaded)) throw std::runtime_error(*why);
    return *std::get<0>(loaded);
}

/// The candidate's kernel as calls; throws std::runtime_error where it cannot be loaded.
CallMaker maker_of(const MeasureJob &job) {
    if (job.op == Operator::kWeightedSum)
        return [&kernel = kernel_of(job, weighted_sum_kernels(), load_weighted_sum_kernel)](
                   const ConvProblem &p) -> std::optional<KernelCall> {
            const WeightedSumPlan plan = weighted_sum_plan_with(kernel, p);
            if (plan.kernel == nullptr) return std::nullopt;
            return KernelCall{p, {}, {}, plan};
        };
    if (job.problem.direction == Direction::kWgrad)
        return [&kernel = kernel_of(job, wgrad_kernels(), load_wgrad_kernel)](
                   const ConvProblem &p) -> std::optional<KernelCall> {
            const WgradPlan plan = wgrad_plan_with(kernel, p);
            if (plan.kernel == nullptr) return std::nullopt;
            return KernelCall{p, {}, plan};
        };
    return [&kernel = kernel_of(job, conv_kernels(), load_conv_kernel), phase = job.phase,
            dense = job.dense](const ConvProblem &p) -> std::optional<KernelCall> {
        const ConvPlan all = conv_plan_with(kernel, p, dense);
        if (all.steps.empty() || all.steps[phase].kernel != &kernel) return std::nullopt;
        // Only the pass in question; the workspace is enough for both plans.
        ConvPlan plan = conv_plan(p, dense);
        plan.steps[phase] = all.steps[phase];
        plan.workspace += all.workspace;
        return KernelCall{p, plan, {}};
    };
}

/// What runs without tuning.
KernelCall untuned_call(const MeasureJob &job) {
    KernelCall call{job.problem, {}, {}};
    if (job.op == Operator::kWeightedSum) {
        call.weighted_sum = weighted_sum_plan(job.problem);
        if (call.weighted_sum.kernel == nullptr) throw std::runtime_error(call.weighted_sum.reason);
    } else if (job.problem.direction == Direction::kWgrad) {
        call.wgrad = wgrad_plan(job.problem);
        if (call.wgrad.kernel == nullptr) throw std::runtime_error(call.wgrad.reason);
    } else {
        call.conv = conv_plan(job.problem, job.dense);
        if (call.conv.steps.empty()) throw std::runtime_error(call.conv.reason);
    }
    return call;
}

}  // namespace

Measured measure_here(const MeasureJob &job) {
    try {
        const CallMaker maker = maker_of(job);
        const KernelCall untuned = untuned_call(job);
        if (const std::string why = why_wrong(maker, job.problem, untuned); !why.empty())
            return failed(Outcome::kWrongAnswer, why);
        const KernelCall candidate = *maker(job.problem);
        const ConvValues values = job.op == Operator::kWeightedSum
                                      ? weighted_sum_values(job.problem, 1)
                                      : integer_values(job.problem, 1);
        CallTensors tensors(job.problem, values, {},
                            std::max(candidate.workspace(), untuned.workspace()));
        CallContext context;
        const auto samples = time_interleaved({[&] { return tensors.run(candidate, context); },
                                               [&] { return tensors.run(untuned, context); }},
                                              job.timing);
        if (samples.empty()) return failed(Outcome::kLaunchFailed, context.error());
        Measured measured;
        Result &result = measured.result;
        result.seconds = samples[0].median();
        result.spread = samples[0].quantile(0.8) - samples[0].quantile(0.2);
        result.samples = static_cast<int>(samples[0].seconds.size());
        measured.untuned_seconds = samples[1].median();
        if (samples[0].spread() > kMostSpread) {
            result.outcome = Outcome::kNoisy;
            result.reason =
                "Half of the time between the fifths of its samples is more than a "
                "quarter of their median.";
        }
        return measured;
    } catch (const std::exception &error) {
        return failed(Outcome::kLaunchFailed, error.what());
    }
}

Measured measure_apart(const std::vector<std::string> &worker, const MeasureJob &job,
                       const ProcessLimits &limits) {
    const ProcessResult process = run_process(worker, limits, format_job(job));
    using End = ProcessResult::End;
    if (process.success()) {
        try {
            return parse_measured(process.output);
        } catch (const std::invalid_argument &error) {
            return failed(Outcome::kCrashed, error.what());
        }
    }
    const std::string said = process.complaint.substr(0, process.complaint.find('\n'));
    const std::string why = "The process that measured it " + process.what_happened() +
                            (said.empty() ? "." : ": " + said);
    const bool timeout = process.end == End::kWallTimeout || process.end == End::kCpuTimeout;
    return failed(timeout                           ? Outcome::kRunTimeout
                  : process.end == End::kNotStarted ? Outcome::kLaunchFailed
                                                    : Outcome::kCrashed,
                  why);
}

}  // namespace convwright
