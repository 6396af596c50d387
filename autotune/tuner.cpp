// SPDX-License-Identifier: Apache-2.0
#include "autotune/tuner.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

#include "autotune/budget.h"
#include "autotune/cpu_spaces.h"
#include "autotune/cuda_tasks.h"
#include "autotune/decide.h"
#include "autotune/gpu_device.h"
#include "autotune/work.h"
#include "runtime/approx_plan.h"
#include "runtime/plan.h"
#include "runtime/shipped_choices.h"
#include "runtime/tuned_choices.h"
#include "runtime/weighted_sum.h"
#include "runtime/weighted_sum_passes.h"

namespace convwright {
namespace {

using Clock = std::chrono::steady_clock;

/// What a final comparison is expected to take until one was seen, if the budget is no smaller.
constexpr double kFinalSeconds = 3, kMostOfBudget = 0.3;

/// How often a close comparison is made again: at most, and where time is planned.
constexpr int kMostVisits = 4;
constexpr double kUsualVisits = 2;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string candidate_text(const char *generator, Isa isa, const std::string &schedule) {
    return std::string(generator) + "." + isa_name(isa) + "/" + schedule;
}

void add_task(std::vector<TuningTask> &tasks, const TuningTask &added) {
    for (TuningTask &task : tasks) {
        if (task.subject == added.subject) {
            task.weight += added.weight;
            return;
        }
    }
    tasks.push_back(added);
}

/// Tasks that compare what others search come after those.
int stage(const TuningTask &task) {
    if (task.problem.op != Operator::kConv2d) return 2;
    return task.subject.phase == kWholeProblem ? 1 : 0;
}

/// Adds the tasks of an approximate convolution, its passes. Empty, or why there are none.
std::string add_product(std::vector<TuningTask> &tasks, const CountedProblem &counted) {
    const OperatorProblem problem = tuned_subject(counted.problem);
    if (const char *why = why_not_on_cpus(problem)) return why;
    const ApproxPlan plan = approx_plan(problem.sizes, product_form(problem.product));
    if (plan.steps.empty()) return plan.reason;
    for (size_t phase = 0; phase < plan.steps.size(); phase++) {
        const ProductKernel *kernel = plan.steps[phase].kernel;
        if (kernel == nullptr) continue;
        const double cycles =
            predicted_product_cycles(kernel->params, plan.steps[phase].pass, kernel->isa);
        add_task(tasks, {{format_problem(problem), static_cast<int>(phase)},
                         problem,
                         counted.count * cycles,
                         {},
                         counted.problem});
    }
    return "";
}

/// Adds the tasks of one convolution. Empty, or why there are none.
std::string add_convolution(std::vector<TuningTask> &tasks, const CountedProblem &counted) {
    if (!counted.problem.product.empty()) return add_product(tasks, counted);
    const ConvProblem problem = tuned_subject(counted.problem).sizes;
    const std::string text = format_problem(problem);
    const auto add = [&](int phase, double cycles) {
        add_task(tasks, {{text, phase}, problem, counted.count * cycles, {}, counted.problem});
    };
    if (problem.direction == Direction::kWgrad) {
        const WgradPlan plan = wgrad_plan(problem);
        if (plan.kernel == nullptr) return plan.reason;
        add(0, predicted_cycles(plan.kernel->params, problem, plan.kernel->isa));
        return "";
    }
    const ConvPlan plan = conv_plan(problem, true);
    if (plan.steps.empty()) return plan.reason;
    for (size_t phase = 0; phase < plan.steps.size(); phase++) {
        const ConvStep &step = plan.steps[phase];
        if (step.kernel == nullptr) continue;
        add(static_cast<int>(phase), predicted_cycles(step.kernel->params, step.pass,
                                                      step.kernel->format, step.kernel->isa));
    }
    if (plan.steps.size() > 1) add(kWholeProblem, 0);
    return "";
}

/// Adds the task of two convolutions in a row. Empty, or why there is none.
std::string add_row_of_two(std::vector<TuningTask> &tasks, const CountedProblem &counted) {
    const OperatorProblem &problem = counted.problem;
    if (problem.is_fused_gradients())
        return "one kernel computes them on GPUs alone; on CPUs its convolutions' gradients are "
               "problems of their own";
    if (host_isa() == Isa::kNone) return "there are no kernels for this CPU";
    if (const char *why = why_not_mixed(problem.sizes)) return why;
    TuningTask task{{format_problem(problem), 0}, problem, 0, counted.kind};
    if (problem.op == Operator::kWeightedSum && !problem.step) {
        const WeightedSumPlan &plan = weighted_sum_plan(problem.sizes);
        if (plan.kernel != nullptr)
            task.weight =
                counted.count *
                predicted_cycles(plan.kernel->params, {plan.mix, plan.window}, plan.kernel->isa);
    }
    add_task(tasks, task);
    return "";
}

}  // namespace

std::vector<TuningTask> tuning_tasks(const std::vector<CountedProblem> &problems,
                                     std::vector<std::string> &left_out) {
    std::vector<TuningTask> tasks;
    for (const CountedProblem &counted : problems) {
        const std::string why = counted.problem.op == Operator::kConv2d
                                    ? add_convolution(tasks, counted)
                                    : add_row_of_two(tasks, counted);
        if (!why.empty())
            left_out.push_back(format_problem(tuned_subject(counted.problem)) + ": " + why + ".");
    }
    std::stable_sort(tasks.begin(), tasks.end(), [](const TuningTask &a, const TuningTask &b) {
        return stage(a) != stage(b) ? stage(a) < stage(b) : a.weight > b.weight;
    });
    return tasks;
}

std::string untuned_candidate(const TuningTask &task) {
    const ConvProblem &sizes = task.problem.sizes;
    if (task.problem.op != Operator::kConv2d) {
        if (task.kind != kFusedKind || task.problem.step) return task.kind;
        const WeightedSumPlan &plan = weighted_sum_plan(sizes);
        // The operator runs two convolutions where no kernel fuses them.
        if (plan.kernel == nullptr) return kUnfusedKind;
        return candidate_text("weighted_sum", plan.kernel->isa, plan.kernel->schedule);
    }
    if (!task.problem.product.empty()) {
        const ApproxPlan plan = approx_plan(sizes, product_form(task.problem.product));
        if (plan.steps.empty()) return "";
        const ProductKernel *kernel = plan.steps[task.subject.phase].kernel;
        return kernel == nullptr ? ""
                                 : candidate_text("approx_conv2d", kernel->isa, kernel->schedule);
    }
    if (task.subject.phase == kWholeProblem) return "passes";
    if (sizes.direction == Direction::kWgrad) {
        const WgradPlan plan = wgrad_plan(sizes);
        if (plan.kernel == nullptr) return "";
        return candidate_text("conv2d_wgrad", plan.kernel->isa, plan.kernel->schedule);
    }
    const ConvPlan plan = conv_plan(sizes, true);
    if (plan.steps.empty()) return "";
    const ConvKernel *kernel = plan.steps[task.subject.phase].kernel;
    return kernel == nullptr ? "" : candidate_text("conv2d", kernel->isa, kernel->schedule);
}

Space space_of(const TuningTask &task, const std::vector<Isa> &isas) {
    const bool fused = task.problem.op == Operator::kWeightedSum && !task.problem.step &&
                       !task.problem.is_fused_gradients();
    // Fused kernels are verified beside the library's own.
    if (fused && weighted_sum_plan(task.problem.sizes).kernel == nullptr)
        return cpu_space(task.problem, task.subject.phase, {});
    return cpu_space(task.problem, task.subject.phase,
                     isas.empty() ? std::vector<Isa>{host_isa()} : isas);
}

namespace {

/// One call of tune().
class Run {
public:
    Run(const std::vector<TuningTask> &tasks, Database &database, const TunerOptions &options,
        const std::function<void(const TunerEvent &)> &tell)
        : tasks_(tasks),
          database_(database),
          options_(options),
          tell_(tell),
          gpu_(options.trial_setup.gpu ? &cuda::device(*options.trial_setup.gpu) : nullptr),
          environment_(
              gpu_ != nullptr
                  ? gpu_environment(gpu_facts(*options.trial_setup.gpu), options.versions)
                  : cpu_environment(options.versions, options.trial_setup.finals.threads)) {}

    size_t all() {
        std::vector<size_t> open(tasks_.size());
        std::iota(open.begin(), open.end(), 0);
        // What others left of their shares goes to those that had no time, then to what was close, then to those cut
        // short.
        int64_t measured_before = -1;
        while (!open.empty() && measured_ > measured_before) {
            measured_before = measured_;
            open = round(open);
            std::stable_partition(open.begin(), open.end(),
                                  [&](size_t i) { return chosen_.count(i) == 0; });
            look_again_at_all(open);
        }
        for (const size_t i : open)
            if (chosen_.count(i) == 0) tell_left(i, "No time was left.");
        return chosen_.size();
    }

private:
    double calmest() const { return options_.trial_setup.seen->calmest_probe; }

    double left() const { return options_.seconds - seconds_since(start_); }

    TunerEvent event(size_t i, TunerEvent::Kind kind) const {
        TunerEvent event;
        event.kind = kind;
        event.task = &tasks_[i];
        event.number = i;
        event.count = tasks_.size();
        event.left_seconds = left();
        return event;
    }

    void tell_left(size_t i, const std::string &why) const {
        TunerEvent left = event(i, TunerEvent::Kind::kLeft);
        left.notice = why;
        tell_(left);
    }

    /// What the final comparison of a task is expected to take, by what calls took before.
    double expected_comparison(const TuningTask &task) const {
        if (flops_ == 0) return std::min(kFinalSeconds, kMostOfBudget * options_.seconds);
        return options_.trial_setup.seen->slowness() *
               comparison_seconds(options_.trial_setup.finals, work(task) * seconds_ / flops_);
    }

    static double work(const TuningTask &task) {
        return work_of(task.problem, task.subject.phase).flops;
    }

    /// The same with the time to look again where it is close, as it is for about half of the tasks.
    double reserved(const TuningTask &task) const {
        return (1 + kUsualVisits / 2) * expected_comparison(task);
    }

    /// What is left beside the time to look again at what is close already.
    double free() const {
        double seconds = left();
        for (const auto &[i, choice] : chosen_)
            if (is_close(choice.compared, calmest()))
                seconds -=
                    std::max(kUsualVisits - choice.visits, 0.0) * expected_comparison(tasks_[i]);
        return seconds;
    }

    SearchKey key_of(const Space &space) const {
        return {space.subject(), space.hash(), environment_};
    }

    Space space(const TuningTask &task) const { return space_on(gpu_, task, options_.isas); }

    TrialEvaluator evaluator(const TuningTask &task) const {
        return {task.problem, task.subject.phase, options_.trial_setup, task.called};
    }

    /// Compares anew, in turns, what is close, and leaves their time to the tasks without a choice in `open`.
    void look_again_at_all(const std::vector<size_t> &open) {
        double waiting = 0;
        for (const size_t i : open)
            if (chosen_.count(i) == 0) waiting += reserved(tasks_[i]);
        for (int visit = 0; visit < kMostVisits; visit++)
            for (auto &[i, choice] : chosen_) {
                if (!is_close(choice.compared, calmest()) || choice.visits == kMostVisits ||
                    left() - waiting < expected_comparison(tasks_[i]))
                    continue;
                choice.visits++;
                look_again(i, choice.compared);
            }
    }

    void look_again(size_t i, std::vector<Contestant> &compared) {
        const std::string before = decide(compared).first.candidate;
        TrialEvaluator later = evaluator(tasks_[i]);
        const std::optional<Choice> choice =
            compare_again(compared, key_of(space(tasks_[i])), later, database_);
        if (choice && choice->candidate != before) tell_choice(i, *choice);
    }

    void tell_choice(size_t i, const Choice &choice) const {
        TunerEvent event = this->event(i, TunerEvent::Kind::kChoice);
        event.candidate = choice.candidate;
        event.choice = choice;
        tell_(event);
    }

    /// Tunes these tasks and returns those that another round could do more for.
    std::vector<size_t> round(const std::vector<size_t> &open) {
        std::vector<size_t> again;
        for (size_t turn = 0; turn < open.size(); turn++) {
            std::vector<TaskCost> costs;
            for (size_t next = turn; next < open.size(); next++) {
                const TuningTask &task = tasks_[open[next]];
                costs.push_back({task.weight, reserved(task), chosen_.count(open[next]) > 0});
            }
            double share = share_of_first(free(), costs);
            // A first choice comes before the second look at others.
            if (share <= 0 && !costs.front().chosen) share = share_of_first(left(), costs);
            if (share <= 0 || tune_one(open[turn], share)) again.push_back(open[turn]);
        }
        return again;
    }

    /// Whether its time was over before the search was.
    bool tune_one(size_t i, double share) {
        const TuningTask &task = tasks_[i];
        TunerEvent event = this->event(i, TunerEvent::Kind::kTask);
        tell_(event);
        const Space space = this->space(task);
        const SearchKey key = key_of(space);
        if (!options_.trial_setup.python.empty() && database_.forget_failure(key, kPytorchKind)) {
            event.kind = TunerEvent::Kind::kNotice;
            event.notice = "PyTorch could not be timed before; it is tried again.";
            tell_(event);
        }
        Portfolio strategy(space, options_.seed,
                           seeds_from(database_, space, environment_, Portfolio::kAnalytic));
        TrialEvaluator evaluator = this->evaluator(task);
        SearchOptions search_options;
        search_options.stop.most_trials = options_.trials;
        search_options.stop.stagnation = options_.stagnation;
        search_options.default_candidate = untuned_on(gpu_, task);
        if (const auto before = database_.choice(key)) {
            search_options.incumbent = before->candidate;
        } else if (const ShippedChoice *shipped = find_shipped_choice(
                       environment_.identity, task.subject.problem, task.subject.phase)) {
            search_options.incumbent = shipped->candidate;
        }
        // A search whose time is over still compares and chooses: its budget becomes what it has done.
        const auto task_start = Clock::now();
        const double searching = share - reserved(task);
        bool cut_short = false;
        if (task.weight > 0)
            search_options.out_of_time = [&] {
                cut_short |= seconds_since(task_start) > searching;
                return cut_short;
            };
        search_options.on_result = [&](const std::string &candidate, const Result &result,
                                       bool known) {
            tell_result(event, candidate, result, known);
            event.left_seconds = left();
            tell_(event);
        };
        const SearchReport report =
            search(space, strategy, evaluator, database_, environment_, search_options);
        measured_ += report.measured;
        if (!report.choice) {
            if (!cut_short && chosen_.count(i) == 0) tell_left(i, report.notice);
            return cut_short;
        }
        if (!report.notice.empty()) {
            event.kind = TunerEvent::Kind::kNotice;
            event.notice = report.notice;
            tell_(event);
        }
        for (const FinalTime &time : report.choice->finals)
            flops_ += work(task), seconds_ += time.seconds;
        chosen_[i] = {report.compared};
        tell_choice(i, *report.choice);
        return cut_short;
    }

    /// What a choice was made of, and how often it was looked at again.
    struct Chosen {
        std::vector<Contestant> compared;
        int visits = 0;
    };

    const std::vector<TuningTask> &tasks_;
    Database &database_;
    const TunerOptions &options_;
    const std::function<void(const TunerEvent &)> &tell_;
    const cuda::Device *gpu_;
    const Environment environment_;
    const Clock::time_point start_ = Clock::now();
    double flops_ = 0, seconds_ = 0;   ///< Of calls of all final comparisons.
    int64_t measured_ = 0;             ///< Trials, of all tasks.
    std::map<size_t, Chosen> chosen_;  ///< By task.
};

}  // namespace

void tell_result(TunerEvent &event, const std::string &candidate, const Result &result,
                 bool known) {
    if (result.outcome == Outcome::kOk &&
        (event.best_seconds == 0 || result.seconds < event.best_seconds))
        event.best_seconds = result.seconds;
    event.kind = TunerEvent::Kind::kResult;
    event.candidate = candidate;
    event.result = result;
    event.known = known;
}

size_t tune(const std::vector<TuningTask> &tasks, Database &database, const TunerOptions &options,
            const std::function<void(const TunerEvent &)> &tell) {
    return Run(tasks, database, options, tell).all();
}

}  // namespace convwright
