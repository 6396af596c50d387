// SPDX-License-Identifier: Apache-2.0
#include "autotune/budget.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

/// What each task gets when searches use all of their share, and comparisons take as long as `actual` times what was
/// expected.
std::vector<double> shares(double budget, std::vector<TaskCost> tasks, double actual = 1) {
    std::vector<double> result;
    for (double left = budget; !tasks.empty(); tasks.erase(tasks.begin())) {
        double share = share_of_first(left, tasks);
        if (share > 0 && tasks.front().weight <= 0)
            share = std::min(share, actual * tasks.front().comparison_seconds);
        result.push_back(share);
        left -= share;
    }
    return result;
}

using Shares = std::vector<double>;

TEST(Budgets, AreSharedByWeightAndNeverExceeded) {
    EXPECT_EQ(shares(115, {{6}, {2}, {2}}), (Shares{65, 25, 25}));
    EXPECT_EQ(shares(5, {{2}, {1}}), (Shares{5, 0}));
    EXPECT_EQ(shares(12, {{1}, {1}, {1}, {1}}), (Shares{5, 5, 2, 0}));
}

TEST(Budgets, LeaveEveryComparisonItsTime) {
    const TaskCost search{1, 3}, comparison{0, 8};
    for (const double budget : {24.5, 30.0, 60.0, 300.0}) {
        const Shares all =
            shares(budget, {search, search, search, search, comparison, comparison, comparison});
        for (size_t i = 4; i < 7; i++) EXPECT_DOUBLE_EQ(all[i], 8) << budget;
    }
    // Before there is any time to search, the first search would only take it from comparisons.
    EXPECT_EQ(shares(24, {search, comparison, comparison, comparison}), (Shares{0, 8, 8, 8}));
    EXPECT_EQ(shares(26, {search, comparison, comparison, comparison}), (Shares{0, 8, 8, 8}));
    EXPECT_EQ(shares(28, {search, comparison, comparison, comparison}), (Shares{4, 8, 8, 8}));
    // Where not even those fit, the first ones are made.
    EXPECT_EQ(shares(15, {search, comparison, comparison, comparison}), (Shares{0, 8, 7, 0}));
}

TEST(Budgets, HaveTimeForAnExpensiveComparisonOfASearch) {
    EXPECT_EQ(shares(30, {{1, 12}, {1, 12}}), (Shares{15, 15}));
    EXPECT_EQ(shares(20, {{1, 12}, {1, 12}}), (Shares{12, 0}));
    // Of a search that goes on a few trials are the least.
    EXPECT_EQ(shares(4, {{1, 1, true}}), (Shares{0}));
    EXPECT_EQ(shares(4, {{1, 1, false}}), (Shares{4}));
}

TEST(ComparisonSeconds, GrowWithTheCallAndHaveALeast) {
    TimingPlan plan;
    plan.seconds = 0.6, plan.least = 11;
    EXPECT_DOUBLE_EQ(comparison_seconds(plan, 1e-4), 0.5 + 0.3 + 0.6);
    // Four of them, in 12 rounds of two calls and once before.
    EXPECT_DOUBLE_EQ(comparison_seconds(plan, 0.1), 0.5 + 0.3 + 4 * 25 * 0.1);
    EXPECT_DOUBLE_EQ(comparison_seconds(plan, 0.1, 6), 0.5 + 0.3 + 6 * 25 * 0.1);
}

}  // namespace
}  // namespace convwright
