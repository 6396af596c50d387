// SPDX-License-Identifier: Apache-2.0
#include "autotune/trial_evaluator.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "autotune/budget.h"
#include "autotune/cold_caches.h"
#include "autotune/gpu_device.h"
#include "runtime/in_quotes.h"

namespace convwright {
namespace {

using Json = nlohmann::json;

/// A list of an answer; none where it has no such list, or one with anything but times.
std::vector<double> times_in(const Json &object, const char *name) {
    std::vector<double> times;
    const auto found = object.find(name);
    if (found == object.end() || !found->is_array()) return {};
    for (const Json &time : *found) {
        if (!time.is_number() || !(time.get<double>() > 0)) return {};
        times.push_back(time.get<double>());
    }
    return times;
}

}  // namespace

void move_to_gpu(Trials &trials, int gpu) {
    trials.gpu = gpu;
    trials.finals.flush_bytes = gpu_flush_bytes(gpu_facts(gpu).l2_bytes);
}

TrialEvaluator::TrialEvaluator(const OperatorProblem &problem, int phase, Trials trials,
                               const std::optional<OperatorProblem> &called)
    : problem_(problem),
      called_(called.value_or(problem)),
      phase_(phase),
      trials_(std::move(trials)) {}

void TrialEvaluator::prepare(const std::vector<std::string> &candidates) {
    algorithms_.clear(), kernels_.clear();
    std::partition_copy(candidates.begin(), candidates.end(), std::back_inserter(kernels_),
                        std::back_inserter(algorithms_),
                        [&](const std::string &candidate) { return has_job(problem_, candidate); });
}

std::vector<MeasureJob> TrialEvaluator::kernels_after(const std::string &candidate) const {
    std::vector<MeasureJob> jobs;
    const size_t cores = std::max(std::thread::hardware_concurrency(), 1u);
    for (auto next = std::find(kernels_.begin(), kernels_.end(), candidate);
         next != kernels_.end() && jobs.size() + 1 < cores; ++next) {
        auto known = job_of(problem_, phase_, *next);
        auto *job = std::get_if<MeasureJob>(&known);
        if (*next != candidate && job != nullptr && job->shipped.empty() &&
            !trials_.made->has(*job)) {
            jobs.push_back(*job);
        }
    }
    return jobs;
}

std::variant<MeasureJob, Result> TrialEvaluator::job_for(const std::string &candidate) {
    auto known = job_of(problem_, phase_, candidate);
    if (std::holds_alternative<Result>(known)) return known;
    auto &job = std::get<MeasureJob>(known);
    job.gpu = trials_.gpu.value_or(0);
    if (!job.shipped.empty()) return job;
    const std::optional<Result> failure =
        trials_.made->make(job, kernels_after(candidate), trials_.making);
    if (failure) return *failure;
    artifacts_[candidate] = job.artifact();
    return job;
}

Result TrialEvaluator::evaluate(const std::string &candidate) {
    if (!has_job(problem_, candidate)) return evaluate_algorithm(candidate);
    return measure(candidate, trials_.screening).result;
}

Measured TrialEvaluator::measure(const std::string &candidate, const TimingPlan &timing) {
    auto known = job_for(candidate);
    if (const auto *failure = std::get_if<Result>(&known)) return {*failure};
    auto &job = std::get<MeasureJob>(known);
    job.timing = timing;
    Measured measured =
        measure_apart(trials_.worker, job, measuring_limits(job, trials_.most_seconds));
    if (job.shipped.empty()) measured.result.artifact = job.artifact();
    return measured;
}

Result TrialEvaluator::evaluate_algorithm(const std::string &candidate) {
    if (trials_.python.empty())
        return failed_result(Outcome::kRejected,
                             "There is no Python with PyTorch to compare with.");
    const Contestant *time = timed_together(candidate);
    if (time == nullptr) {
        side_by_side_.clear();
        for (const std::string &name : algorithms_) side_by_side_.push_back({{name, name}});
        if (timed_together(candidate) == nullptr) side_by_side_.push_back({{candidate, candidate}});
        ask_python(side_by_side_);
        time = timed_together(candidate);
    }
    if (time->seconds <= 0)
        return failed_result(Outcome::kLaunchFailed,
                             (candidate == kPytorchKind ? "PyTorch" : "'" + candidate + "'") +
                                 std::string(" could not be timed") + python_failure_);
    Result result;
    result.seconds = time->seconds;
    result.spread = time->spread;
    result.samples = static_cast<int>(time->rounds.size());
    return result;
}

const Contestant *TrialEvaluator::timed_together(const std::string &candidate) const {
    for (const Contestant &time : side_by_side_)
        if (time.candidate == candidate) return &time;
    return nullptr;
}

std::vector<Contestant> TrialEvaluator::compare(const std::vector<FinalTime> &contestants) {
    std::vector<Contestant> times;
    double slowest = 0;
    for (const FinalTime &contestant : contestants) {
        times.push_back({{contestant.role, contestant.candidate}});
        slowest = std::max(slowest, contestant.seconds);
    }
    why_compared_otherwise_.clear();
    const bool known = std::all_of(times.begin(), times.end(), [&](const FinalTime &time) {
        return timed_together(time.candidate) != nullptr;
    });
    for (Contestant &time : times) {
        if (!known) break;
        const std::string role = time.role;
        time = *timed_together(time.candidate);
        time.role = role;
    }
    side_by_side_.clear();
    // No convolution of PyTorch's is one of 8-bit products: nothing but kernels is compared.
    const bool asks = !trials_.python.empty() && !problem_.bytes();
    if (known || (asks && ask_python(times, slowest))) return times;
    if (asks)
        why_compared_otherwise_ =
            "Kernels were timed each in a process of its own, and other algorithms not at all, for "
            "they could not be compared side by side" +
            python_failure_;
    compare_apart(times);
    return times;
}

void TrialEvaluator::compare_apart(std::vector<Contestant> &times) {
    std::vector<Measured> all;
    Samples untuned;
    for (const Contestant &time : times) {
        // Noisy ones, too: nothing says that the others were not.
        all.push_back(has_job(problem_, time.candidate) ? measure(time.candidate, trials_.finals)
                                                        : Measured{});
        if (all.back().untuned_seconds > 0) untuned.seconds.push_back(all.back().untuned_seconds);
    }
    // Each process had its own clock rate: the library's own choice, timed in all of them, says how they differ.
    const double usual = untuned.median();
    for (size_t i = 0; i < times.size(); i++) {
        const Measured &measured = all[i];
        const double scale = measured.untuned_seconds > 0 ? usual / measured.untuned_seconds : 1;
        times[i].seconds = measured.result.seconds * scale;
        times[i].spread = measured.result.spread * scale;
        times[i].cold_seconds = measured.cold_seconds * scale;
        for (const double seconds : measured.rounds) times[i].rounds.push_back(seconds * scale);
        times[i].artifact = measured.result.artifact;
    }
}

bool TrialEvaluator::ask_python(std::vector<Contestant> &times, double call_seconds) {
    const TimingPlan &plan = trials_.finals;
    Json job = {{"problem", format_problem(called_)},
                {"phase", phase_},
                {"device", trials_.gpu ? "cuda:" + std::to_string(*trials_.gpu) : "cpu"},
                {"threads", plan.threads},
                {"seconds", plan.seconds},
                {"least", plan.least},
                {"most", plan.most},
                {"flush_bytes", plan.flush_bytes},
                {"probe_seconds", trials_.seen->calmest_probe}};
    for (Contestant &time : times) {
        // A kernel of an earlier search may be gone: then it is made again, the same to the bit.
        std::string artifact;
        if (has_job(problem_, time.candidate)) {
            const auto known = artifacts_.find(time.candidate);
            if (known == artifacts_.end()) {
                auto made = job_for(time.candidate);
                if (std::holds_alternative<Result>(made)) continue;
            }
            if (artifacts_.count(time.candidate) > 0) artifact = artifacts_[time.candidate];
        }
        time.artifact = artifact;
        job["contestants"].push_back({{"candidate", time.candidate}, {"artifact", artifact}});
    }
    // One trial's time for what is not known, and for all that is several times what it should take: others may use
    // the machine.
    constexpr double kPatience = 4;
    ProcessLimits limits{trials_.most_seconds};
    const double expected = comparison_seconds(plan, call_seconds, static_cast<int>(times.size()));
    limits.wall_seconds += kPatience * expected;
    const auto start = std::chrono::steady_clock::now();
    const ProcessResult process = run_process(trials_.python, limits, job.dump());
    require_started(process, "a comparison by Python");
    python_failure_ = ".";
    if (!process.success()) {
        // Python says what is wrong in its last line.
        const std::string &said = process.complaint;
        const size_t end = said.find_last_not_of('\n') + 1, last = said.rfind('\n', end - 1);
        const size_t first = last == std::string::npos || end == 0 ? 0 : last + 1;
        constexpr size_t kMost = 1000;  // of what may be anything
        python_failure_ = ": the Python process " + process.what_happened();
        if (end > 0)
            python_failure_ +=
                ": " + without_stop(said.substr(first, std::min(end - first, kMost)));
        python_failure_ += ".";
        return false;
    }
    if (call_seconds > 0) {
        trials_.seen->expected_seconds += expected;
        trials_.seen->seconds +=
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    const Json answer = Json::parse(process.output, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object()) {
        python_failure_ = ": the Python process answered with something else than times.";
        return false;
    }
    for (Contestant &time : times) {
        const auto found = answer.find(time.candidate);
        if (found == answer.end() || !found->is_object()) continue;
        const Samples samples{times_in(*found, "seconds"), times_in(*found, "cold_seconds")};
        if (samples.seconds.empty()) continue;
        time.seconds = samples.median();
        time.spread = samples.range();
        time.cold_seconds = samples.cold_median();
        time.rounds = samples.seconds;
        const Samples probes{times_in(*found, "probe_seconds")};
        time.probe_seconds = probes.median();
        double &calmest = trials_.seen->calmest_probe;
        if (!probes.seconds.empty())
            calmest = calmest > 0 ? std::min(calmest, probes.quantile(0)) : probes.quantile(0);
    }
    return true;
}

}  // namespace convwright
