// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "autotune/database/database.h"
#include "autotune/jobs/work.h"
#include "autotune/make_candidate.h"
#include "autotune/tuner.h"

namespace convwright {

/// What is made of which problems.
struct JobsWanted {
    Target target;
    size_t candidates = 16;  ///< New ones of each task.
    uint64_t seed = 1;
    std::string versions;       ///< library_versions().
    Database *known = nullptr;  ///< Whose records say what to try next; null: nothing is known.
};

/// The tasks of the problems for a target; problems that it has no kernels for are named in `left_out`.
std::vector<TuningTask> tasks_for(const Target &target, const std::vector<CountedProblem> &problems,
                                  std::vector<std::string> &left_out);

/// The space of a task on a target, as on every machine of that target.
Space space_for(const Target &target, const TuningTask &task);

/// Writes a job for each candidate that a search would try next: the best predictions, or what is learned from the
/// records that were collected. What runs without tuning is among them, for comparison. How many are new.
int64_t add_jobs(const JobFolder &folder, const std::vector<TuningTask> &tasks,
                 const JobsWanted &wanted);

/// Makes the kernels of jobs; `making` may throw std::runtime_error with what is missing for a target.
WorkDone make_jobs(const JobFolder &folder, const std::function<Making(const Target &)> &making,
                   double lease_seconds, const std::function<void(const std::string &)> &tell);

}  // namespace convwright
