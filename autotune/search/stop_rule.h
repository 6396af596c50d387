// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

namespace convwright {

/// When a search has done enough: a budget of trials, or many trials in a row that did not improve on the best
/// one by what can be measured.
class StopRule {
public:
    int64_t most_trials = 64;
    int64_t stagnation = 0;     ///< Trials without an improvement; 0: the budget alone counts.
    double least_gain = 0.005;  ///< Part of the best time that counts as an improvement.

    void tell(double seconds) {
        trials_++;
        // Until something works at all nothing stagnates.
        if (best_ != std::numeric_limits<double>::infinity()) since_best_++;
        if (seconds < best_ * (1 - least_gain)) since_best_ = 0, best_ = seconds;
    }
    bool done() const {
        return trials_ >= most_trials || (stagnation > 0 && since_best_ >= stagnation);
    }
    /// How many may be asked for at once without going over the budget.
    int64_t left() const { return most_trials - trials_; }
    int64_t trials() const { return trials_; }

private:
    int64_t trials_ = 0, since_best_ = 0;
    double best_ = std::numeric_limits<double>::infinity();
};

}  // namespace convwright
