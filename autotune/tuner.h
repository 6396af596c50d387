// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "autotune/engine.h"
#include "autotune/trial_evaluator.h"

namespace convwright {

/// A problem of a model and how often a step of it occurs.
struct CountedProblem {
    OperatorProblem problem;
    double count = 1;
    /// How two convolutions in a row are computed without tuning: one of plain_kinds(), or kFusedKind. Empty: not known.
    std::string kind = {};
};

/// What of a problem is searched by itself: one pass, or how all of it is computed.
struct TuningTask {
    Subject subject;
    OperatorProblem problem;  ///< tuned_subject() of `called`.
    /// Predicted cycles of all its occurrences: expected gain grows with it. 0 where there are a few algorithms to
    /// compare and nothing to search.
    double weight = 0;
    std::string kind = {};  ///< CountedProblem's.
    /// Of the model, the first one with this subject: what comparisons call. Nothing: `problem`.
    std::optional<OperatorProblem> called = {};
};

/// The passes of the problems, each once, the one with the most to gain first; then what is made of them: all passes
/// of a problem together, and last two convolutions in a row. Problems that no kernel takes are left out
/// and named in `left_out`, a sentence each.
std::vector<TuningTask> tuning_tasks(const std::vector<CountedProblem> &problems,
                                     std::vector<std::string> &left_out);

struct TunerOptions {
    double seconds = 300;     ///< Of wall time, for all tasks.
    int64_t trials = 64;      ///< Of one task.
    int64_t stagnation = 24;  ///< StopRule.
    uint64_t seed = 1;
    std::vector<Isa> isas;  ///< Of a CPU. Empty: the highest of this one.
    std::string versions;   ///< Of Environment.
    Trials trial_setup;     ///< With its GPU the search is for that instead of the CPU.
};

/// Something that happened, for whoever shows progress.
struct TunerEvent {
    enum class Kind { kTask, kResult, kChoice, kLeft, kNotice } kind = Kind::kTask;
    const TuningTask *task = nullptr;
    size_t number = 0, count = 0;  ///< Of the task.
    std::string candidate;         ///< kResult, kChoice.
    Result result;                 ///< kResult.
    bool known = false;            ///< kResult: from the database.
    double best_seconds = 0;       ///< kResult: so far; 0: none.
    Choice choice;                 ///< kChoice.
    double left_seconds = 0;       ///< Of the budget.
    std::string notice;            ///< kNotice; kLeft, why there is no choice: one sentence.
};

/// Makes it the event of a result, with the best time so far.
void tell_result(TunerEvent &event, const std::string &candidate, const Result &result, bool known);

/// Tunes the tasks in their order; each gets share_of_first() of those that are left, so that the whole goes over
/// the budget by the end of one trial or comparison at most. What is left
/// in the end goes to those that had no time, then to those whose search was cut short. That PyTorch could not be
/// timed is tried again each time. Returns how many got a choice. Throws as search() does.
size_t tune(const std::vector<TuningTask> &tasks, Database &database, const TunerOptions &options,
            const std::function<void(const TunerEvent &)> &tell);

/// The candidate that runs for a pass without tuning; empty if there is none.
std::string untuned_candidate(const TuningTask &task);

/// The space of a task.
Space space_of(const TuningTask &task, const std::vector<Isa> &isas);

}  // namespace convwright
