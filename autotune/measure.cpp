// SPDX-License-Identifier: Apache-2.0
#include "autotune/measure.h"

#include <algorithm>
#include <cmath>

#include "autotune/cold_caches.h"
#include "autotune/instrumented.h"
#include "autotune/trial_calls.h"
#include "autotune/verify/byte_model.h"
#include "autotune/verify/call_tensors.h"
#include "autotune/verify/gpu_copy.h"
#include "autotune/verify/product_model.h"
#include "autotune/verify/weighted_sum_values.h"
#include "autotune/verify/why_wrong.h"
#include "autotune/work.h"

namespace convwright {
namespace {

/// Seconds of each round relative to a call that is the same in all processes.
std::vector<double> undisturbed(const Samples &samples, const Samples &reference) {
    std::vector<double> rounds;
    const double usual = reference.median();
    for (size_t i = 0; i < samples.seconds.size(); i++)
        rounds.push_back(samples.seconds[i] / reference.seconds[i] * usual);
    return rounds;
}

/// Seconds that a sample takes at least: waiting for a GPU takes some 10 us.
constexpr double kShortestOnGpu = 500e-6;

Measured failed(Outcome outcome, const std::string &why) {
    Measured measured;
    measured.result.outcome = outcome;
    measured.result.reason = why;
    return measured;
}

/// Of every thread: its stack, and what an allocator reserves for it.
constexpr int64_t kThreadBytes = int64_t{256} << 20;
/// For what does not grow with the problem, and copies of each tensor: values, oracles, guard pages, several results.
constexpr int64_t kLeastBytes = int64_t{4} << 30;
constexpr double kCopies = 64;

/// What is multiplied while calls are timed.
ConvValues timed_values(const MeasureJob &job) {
    if (job.op == Operator::kWeightedSum) return weighted_sum_values(job.problem, 1);
    if (job.whole().bytes()) return byte_values(job.problem, 1);
    return job.product.empty() ? integer_values(job.problem, 1)
                               : product_values(job.problem, job.product, 1, false);
}

}  // namespace

ProcessLimits measuring_limits(const MeasureJob &job, double wall_seconds) {
    ProcessLimits limits;
    limits.wall_seconds = wall_seconds;
    limits.cpu_seconds = static_cast<int64_t>(std::ceil(wall_seconds * job.timing.threads));
    // Sanitizers reserve terabytes of addresses.
    if (job.on_gpu() || kInstrumented) return limits;
    const double tensors = work_of(job.whole(), kWholeProblem).bytes;
    limits.memory_bytes = kLeastBytes + kThreadBytes * job.timing.threads +
                          static_cast<int64_t>(std::min(kCopies * tensors, 1e18));
    return limits;
}

Measured measure_here(const MeasureJob &job) {
    try {
        if (job.on_gpu()) use_gpu(job.gpu);
        const CallMaker maker = maker_of(job);
        const KernelCall untuned = untuned_call(job);
        if (const std::string why = why_wrong(maker, job.problem, untuned); !why.empty())
            return failed(Outcome::kWrongAnswer, why);
        const KernelCall candidate = *maker(job.problem);
        CallTensors tensors(job.problem, timed_values(job), {},
                            std::max(candidate.workspace(), untuned.workspace()));
        CallContext context;
        TimingPlan timing = job.timing;
        if (job.on_gpu()) {
            timing.shortest = std::max(timing.shortest, kShortestOnGpu);
            timing.wait = [] { return wait_for_gpu(), true; };
        }
        if (timing.flush_bytes > 0)
            timing.flush = job.on_gpu() ? gpu_cache_flush(timing.flush_bytes)
                                        : cpu_cache_flush(timing.flush_bytes);
        const auto samples =
            calmer_half(time_interleaved({[&] { return tensors.begin(candidate, context); },
                                          [&] { return tensors.begin(untuned, context); }},
                                         timing));
        if (samples.empty()) return failed(Outcome::kLaunchFailed, context.error());
        Measured measured;
        Result &result = measured.result;
        result.seconds = samples[0].median();
        result.spread = samples[0].range();
        result.samples = static_cast<int>(samples[0].seconds.size());
        measured.untuned_seconds = samples[1].median();
        measured.cold_seconds = samples[0].cold_median();
        measured.rounds = undisturbed(samples[0], samples[1]);
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
    require_started(process, "measuring");
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
    return failed(timeout ? Outcome::kRunTimeout : Outcome::kCrashed, why);
}

}  // namespace convwright
