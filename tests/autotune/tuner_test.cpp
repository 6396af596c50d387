// SPDX-License-Identifier: Apache-2.0
#include "autotune/tuner.h"

#include <gtest/gtest.h>

#include <vector>

namespace convwright {
namespace {

/// What tasks of these weights get when each uses all of its share.
std::vector<double> shares(double budget, const std::vector<double> &weights) {
    double left = budget, weight_left = 0;
    for (const double weight : weights) weight_left += weight;
    std::vector<double> result;
    for (const double weight : weights) {
        result.push_back(
            task_seconds(left, weight / weight_left, weights.size() - result.size() - 1));
        left -= result.back();
        weight_left -= weight;
    }
    return result;
}

TEST(Budgets, AreSharedByWeightAndNeverExceeded) {
    EXPECT_EQ(shares(115, {6, 2, 2}), (std::vector<double>{65, 25, 25}));
    EXPECT_EQ(shares(5, {2, 1}), (std::vector<double>{5, 0}));
    EXPECT_EQ(shares(12, {1, 1, 1, 1}), (std::vector<double>{5, 5, 2, 0}));
}

}  // namespace
}  // namespace convwright
