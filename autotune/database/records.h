// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autotune/environment.h"
#include "autotune/outcome.h"
#include "autotune/space.h"

namespace convwright {

/// What one search is about; everything that its records share.
struct SearchKey {
    Subject subject;
    std::string space;  ///< Space::hash().
    Environment environment;

    bool operator==(const SearchKey &) const = default;
};

/// The trial of one candidate. There is one at most for each key and candidate.
struct Record {
    SearchKey key;
    std::string candidate;  ///< Space::text().
    Result result;
    int64_t recorded = 0;  ///< Seconds since 1970.
};

/// A candidate in the final comparison, in the part that it played there.
struct FinalTime {
    std::string
        role;  ///< "winner", "second", "third", "incumbent", "default" or an algorithm's name.
    std::string candidate;
    double seconds = 0, spread = 0;  ///< As in Result.
    double cold_seconds = 0;  ///< Median with caches emptied before each call; 0: not timed so.

    bool operator==(const FinalTime &) const = default;
};

/// What a search chose. There is one at most for each key; only choices answer at run time.
struct Choice {
    SearchKey key;
    std::string candidate;
    std::string artifact;  ///< As in Result.
    double seconds = 0;
    std::string reason;             ///< One sentence.
    std::vector<FinalTime> finals;  ///< Measured side by side.
    int64_t recorded = 0;
};

/// Nothing if a record, or a choice, from elsewhere can be taken over, else what is wrong with it, a part of
/// a sentence: every text has a form and a length, every number a range.
std::optional<std::string> why_no_key(const SearchKey &key);
std::optional<std::string> why_no_record(const Record &record);
std::optional<std::string> why_no_choice(const Choice &choice);

}  // namespace convwright
