// SPDX-License-Identifier: Apache-2.0
#include "autotune/cpu_evaluator.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace convwright {
namespace {

using Json = nlohmann::json;

Result failed(Outcome outcome, const std::string &reason) {
    Result result;
    result.outcome = outcome;
    result.reason = reason;
    return result;
}

/// Whether a candidate has no knobs: then it has no kernel of its own either.
bool is_algorithm(const std::string &candidate) { return candidate.find('/') == std::string::npos; }

/// A number of an answer; -1 where it has none.
double number(const Json &object, const char *name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? found->get<double>() : -1;
}

}  // namespace

CpuEvaluator::CpuEvaluator(const OperatorProblem &problem, int phase, CpuTrials trials)
    : problem_(problem), phase_(phase), trials_(std::move(trials)) {}

void CpuEvaluator::prepare(const std::vector<std::string> &candidates) {
    announced_.clear();
    std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(announced_),
                 is_algorithm);
}

std::variant<MeasureJob, Result> CpuEvaluator::job_for(const std::string &candidate) {
    MeasureJob job;
    job.problem = problem_.sizes;
    job.op = problem_.op;
    job.phase = phase_;
    job.timing = trials_.screening;
    const std::optional<LoadableKernel> wanted = parse_candidate(problem_, candidate);
    if (!wanted)
        return failed(Outcome::kBuildFailed,
                      "'" + candidate + "' is no candidate of " + format_problem(problem_) + ".");
    job.made = *wanted;
    const auto name_of = [](const auto *kernel) { return kernel == nullptr ? "" : kernel->name; };
    try {
        job.shipped = job.op == Operator::kWeightedSum
                          ? name_of(shipped_kernel(weighted_sum_kernels(), job.made))
                      : job.problem.direction == Direction::kWgrad
                          ? name_of(shipped_kernel(wgrad_kernels(), job.made))
                          : name_of(shipped_kernel(conv_kernels(), job.made));
    } catch (const std::invalid_argument &error) {  // of an older version's database
        return failed(Outcome::kBuildFailed, std::string(error.what()) + ".");
    }
    if (!job.shipped.empty()) return job;
    auto made = compile_kernel(trials_.tools, job.made, trials_.kernels, trials_.compiling);
    if (const auto *why = std::get_if<NotMade>(&made))
        return failed(why->timeout ? Outcome::kBuildTimeout : Outcome::kBuildFailed, why->why);
    const auto &kernel = std::get<MadeKernel>(made);
    if (kernel.spills > 0)
        return failed(Outcome::kRejected, "Its innermost loops keep " +
                                              std::to_string(kernel.spills) +
                                              " values in memory that should be in registers.");
    job.made = kernel.kernel;
    artifacts_[candidate] = kernel.kernel.sha256;
    return job;
}

Result CpuEvaluator::evaluate(const std::string &candidate) {
    if (is_algorithm(candidate)) return evaluate_algorithm(candidate);
    auto job = job_for(candidate);
    if (auto *result = std::get_if<Result>(&job)) return *result;
    Result result =
        measure_apart(trials_.worker, std::get<MeasureJob>(job), trials_.measuring).result;
    if (const auto made = artifacts_.find(candidate); made != artifacts_.end())
        result.artifact = made->second;
    return result;
}

Result CpuEvaluator::evaluate_algorithm(const std::string &candidate) {
    if (trials_.python.empty())
        return failed(Outcome::kRejected, "There is no Python with PyTorch to compare with.");
    const FinalTime *time = timed_together(candidate);
    if (time == nullptr) {
        side_by_side_.clear();
        for (const std::string &name : announced_) side_by_side_.push_back({name, name, 0, 0});
        if (timed_together(candidate) == nullptr)
            side_by_side_.push_back({candidate, candidate, 0, 0});
        ask_python(side_by_side_);
        time = timed_together(candidate);
    }
    if (time->seconds <= 0)
        return failed(Outcome::kLaunchFailed,
                      (candidate == kPytorchKind ? "PyTorch" : "'" + candidate + "'") +
                          std::string(" could not be timed") + python_failure_);
    Result result;
    result.seconds = time->seconds;
    result.spread = time->spread;
    result.samples = trials_.finals.least;
    return result;
}

const FinalTime *CpuEvaluator::timed_together(const std::string &candidate) const {
    for (const FinalTime &time : side_by_side_)
        if (time.candidate == candidate) return &time;
    return nullptr;
}

std::vector<FinalTime> CpuEvaluator::compare(const std::vector<FinalTime> &contestants) {
    std::vector<FinalTime> times = contestants;
    for (FinalTime &time : times) time.seconds = time.spread = 0;
    const bool known = std::all_of(times.begin(), times.end(), [&](const FinalTime &time) {
        return timed_together(time.candidate) != nullptr;
    });
    for (FinalTime &time : times) {
        if (!known) break;
        const FinalTime &before = *timed_together(time.candidate);
        time.seconds = before.seconds, time.spread = before.spread;
    }
    if (known || (!trials_.python.empty() && ask_python(times))) return times;
    for (FinalTime &time : times) {
        if (is_algorithm(time.candidate)) continue;
        const Result result = evaluate(time.candidate);
        // Noisy ones, too: nothing says that the others were not.
        if (result.seconds <= 0) continue;
        time.seconds = result.seconds;
        time.spread = result.spread;
    }
    return times;
}

bool CpuEvaluator::ask_python(std::vector<FinalTime> &times) {
    const TimingPlan &plan = trials_.finals;
    Json job = {{"problem", format_problem(problem_)},
                {"phase", phase_},
                {"threads", plan.threads},
                {"seconds", plan.seconds},
                {"least", plan.least},
                {"most", plan.most}};
    for (const FinalTime &time : times) {
        // A kernel of an earlier search may be gone: then it is made again, the same to the bit.
        std::string artifact;
        if (!is_algorithm(time.candidate)) {
            const auto known = artifacts_.find(time.candidate);
            if (known == artifacts_.end()) {
                auto made = job_for(time.candidate);
                if (std::holds_alternative<Result>(made)) continue;
            }
            if (artifacts_.count(time.candidate) > 0) artifact = artifacts_[time.candidate];
        }
        job["contestants"].push_back({{"candidate", time.candidate}, {"artifact", artifact}});
    }
    const ProcessResult process = run_process(trials_.python, trials_.measuring, job.dump());
    python_failure_ = ".";
    if (!process.success()) {
        // Python says what is wrong in its last line.
        const std::string &said = process.complaint;
        const size_t end = said.find_last_not_of('\n') + 1, last = said.rfind('\n', end - 1);
        const size_t first = last == std::string::npos || end == 0 ? 0 : last + 1;
        python_failure_ = ": the Python process " + process.what_happened() +
                          (end == 0 ? "." : ": " + said.substr(first, end - first));
        return false;
    }
    const Json answer = Json::parse(process.output, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object()) return false;
    for (FinalTime &time : times) {
        const auto found = answer.find(time.candidate);
        if (found == answer.end() || !found->is_object()) continue;
        const double seconds = number(*found, "seconds"), spread = number(*found, "spread");
        if (!(seconds > 0) || !(spread >= 0)) continue;
        time.seconds = seconds;
        time.spread = spread;
    }
    return true;
}

}  // namespace convwright
