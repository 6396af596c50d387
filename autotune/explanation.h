// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/database/database.h"
#include "autotune/tuner.h"
#include "runtime/cuda/device.h"

namespace convwright {

/// All that a database holds of a problem: for each search its device, its choice with the times of the final comparison, and
/// every trial, the fastest first. `phase`: only that one. Empty if there is nothing.
std::string show_problem(Database &database, const std::string &problem, std::optional<int> phase);

/// Why the choice for a task on this device won: what there is to do, the times of the final comparison with what
/// they mean in FLOP/s and bytes, what was predicted and where it ranked, what is known of its registers, on a GPU of the
/// occupancy, too, trials by
/// outcome, the fastest of them, and its neighbours in the space with their trials. Of a task that was not tuned
/// in this environment what a table of the library chose, and else what the cost model expects. `database` may be null;
/// `gpu` is that of the environment, null for the CPU.
std::string explain_choice(const TuningTask &task, Database *database,
                           const Environment &environment, const cuda::Device *gpu = nullptr);

/// Legal candidates of a space, by predicted cost, and of the others how many each reason rejects, with an example. `most`
/// legal ones; 0: all.
std::string list_candidates(const Subject &subject, const Space &space, size_t most);

}  // namespace convwright
