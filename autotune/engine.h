// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "autotune/database/database.h"
#include "autotune/evaluator.h"
#include "autotune/search/portfolio.h"
#include "autotune/search/stop_rule.h"

namespace convwright {

struct SearchOptions {
    StopRule stop;
    size_t batch = LearnedRanking::kBatch;  ///< Asked for at once, so that compiling runs ahead.
    int64_t lease_seconds = 600;            ///< Longer than any trial may take.
    /// Schedule that runs without tuning, and what was chosen before: candidates of the final
    /// comparison. Empty, or illegal in the space: there is none.
    std::string default_candidate, incumbent;
    /// Asked before every trial: true ends the search as its stop rule does, with a choice. Null: never.
    std::function<bool()> out_of_time;
    /// Told of every result, known ones too.
    std::function<void(const std::string &candidate, const Result &, bool known)> on_result;
};

struct SearchReport {
    int64_t trials = 0;                     ///< What the stop rule counted.
    int64_t known = 0;                      ///< Of them, answered from the database.
    int64_t measured = 0;                   ///< By this process, failures included.
    std::optional<Choice> choice;           ///< Nothing if no candidate worked.
    std::vector<Contestant> compared = {};  ///< What the choice was made of.
    /// What the user should know, one sentence: why there is no choice, or why candidates were not compared as usual.
    std::string notice;
};

/// Searches the space by `strategy` and records every trial before the next one begins. A trial that is recorded for
/// this key is not made again, so that a search that was killed goes on where it was: with the same
/// strategy and database it ends with the same records. Other processes may search the same
/// space: each candidate is measured by one of them. In the end winner, those that are near to it, incumbent, default and
/// the algorithms without knobs, PyTorch's among them, are compared side by side, and the choice is recorded and published.
/// There is none where the default is an algorithm that could not be timed, and no incumbent was: others may be slower.
///
/// Throws DatabaseError, and whatever the evaluator throws.
SearchReport search(const Space &space, Strategy &strategy, Evaluator &evaluator,
                    Database &database, const Environment &environment,
                    const SearchOptions &options);

/// Points of the space that did well elsewhere (Database::elsewhere()), for Portfolio.
std::vector<Point> seeds_from(Database &database, const Space &space,
                              const Environment &environment, size_t most);

/// Compares the close_ones() of a search once more, at another time, and chooses by the rounds of all comparisons, to
/// which `compared` grows (add_rounds()). The choice is recorded and published; nothing, and the earlier one stays, if no candidate
/// could be timed now.
std::optional<Choice> compare_again(std::vector<Contestant> &compared, const SearchKey &key,
                                    Evaluator &evaluator, Database &database);

}  // namespace convwright
