// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "autotune/timing.h"

namespace convwright {

/// What is known of a task before its turn.
struct TaskCost {
    double weight =
        0;  ///< Expected gain of a search; 0: algorithms are compared, and nothing is searched.
    double comparison_seconds = 0;  ///< Of its final comparison, expected.
    bool chosen = false;            ///< It has a choice already, and a search goes on.
};

/// Seconds of the first of these tasks when so many are left, those of its comparison included; 0: it has to wait. A
/// search leaves the comparisons of all tasks without one behind it, some seconds for each other search, and of
/// what is beyond takes its part by weight. What only compares takes its turn while there is time.
double share_of_first(double left, const std::vector<TaskCost> &tasks);

/// Winner, what is in use, PyTorch, and one more that is near or of another kind.
constexpr int kUsualContestants = 4;

/// What a final comparison by this plan is expected to take where a call takes so long.
double comparison_seconds(const TimingPlan &plan, double call_seconds,
                          int contestants = kUsualContestants);

}  // namespace convwright
