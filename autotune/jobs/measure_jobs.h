// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/database/exchange.h"
#include "autotune/jobs/work.h"
#include "autotune/trial_evaluator.h"

namespace convwright {

/// Measures jobs of this machine's CPU, by `trials`, and of the GPU with the number `gpu`, each in a process of its own
/// as a search does, and writes their results. `trials.making` is not needed. Jobs are those of library_versions();
/// results are of the `torch` that runs here, too.
WorkDone measure_jobs(const JobFolder &folder, const Trials &trials, int gpu,
                      const std::string &torch, double lease_seconds,
                      const std::function<void(const std::string &)> &tell);

/// Takes over the results of all jobs; those that are there already are counted.
Imported collect_results(const JobFolder &folder, Database &database);

}  // namespace convwright
