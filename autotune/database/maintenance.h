// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "autotune/database/database.h"

namespace convwright {

/// A line of `convwright db list`: what is known of one key.
struct KeySummary {
    SearchKey key;
    int64_t records = 0, failures = 0;
    double best_seconds = 0;  ///< 0: none that is ok.
    std::string best;         ///< Its candidate.
    std::string chosen;       ///< Candidate of the choice; empty: none yet.
};
/// In the order in which their first records came. Throws DatabaseError, as all here.
std::vector<KeySummary> list_keys(Database &database);

/// What prune() removes; by default nothing.
struct PruneRule {
    bool failures = false;  ///< Trials that failed: they may be tried again.
    /// Records and choices of other versions than these; those that name more, such as PyTorch's, stay.
    std::string not_versions;
    int64_t recorded_before = 0;  ///< Older records, but none that a choice rests on.
    int64_t keep_best = 0;        ///< Of each key only so many of the fastest, and the chosen.
};
/// How many records and choices are gone. Afterwards the file is as small as it can be.
int64_t prune(Database &database, const PruneRule &rule);

/// What is wrong with the database, one sentence each: the file's structure, and every record.
std::vector<std::string> verify(Database &database);

}  // namespace convwright
