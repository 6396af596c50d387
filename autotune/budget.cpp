// SPDX-License-Identifier: Apache-2.0
#include "autotune/budget.h"

#include <algorithm>

namespace convwright {
namespace {

/// The least time for a search: a handful of trials and the final comparison.
constexpr double kLeastSeconds = 5;

}  // namespace

double share_of_first(double left, const std::vector<TaskCost> &tasks) {
    const TaskCost &first = tasks.front();
    if (first.weight <= 0) return std::max(left, 0.0);
    double free = left, beyond = left, weights = 0;
    for (const TaskCost &task : tasks) {
        weights += task.weight;
        if (task.weight <= 0) free -= task.comparison_seconds;
        beyond -= task.weight > 0 ? std::max(kLeastSeconds, task.comparison_seconds)
                                  : task.comparison_seconds;
    }
    if (free <= (first.chosen ? kLeastSeconds : first.comparison_seconds)) return 0;
    const double least = std::max(kLeastSeconds, first.comparison_seconds);
    return std::min(free, least + std::max(beyond, 0.0) * first.weight / weights);
}

double comparison_seconds(const TimingPlan &plan, double call_seconds, int contestants) {
    constexpr double kStart = 0.5;  // a process, and what is computed in it
    // All are called once to see whether they run, and cold and warm in each round, the dropped one included.
    const double calls = (1 + 2.0 * (plan.least + 1)) * contestants;
    // Half of the patience with which it waits for others to let go of the machine.
    return kStart + plan.seconds / 2 + std::max(plan.seconds, calls * call_seconds);
}

}  // namespace convwright
