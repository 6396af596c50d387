// SPDX-License-Identifier: Apache-2.0
#include "autotune/paired_times.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autotune/random.h"
#include "tests/seed.h"

namespace convwright {
namespace {

std::vector<double> times(const std::vector<double> &values, double factor) {
    std::vector<double> result;
    for (const double value : values) result.push_back(value * factor);
    return result;
}

TEST(LeadOf, IsTheMedianOfRatiosWithTheOrderStatisticsOfTheSignTest) {
    // Of 11 rounds the second and the last but one: 12 of 2048 sequences of coins leave it to one side.
    const std::vector<double> other = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    const Lead lead = lead_of(std::vector<double>(11, 10.0), other);
    EXPECT_DOUBLE_EQ(lead.ratio, 1.5);
    EXPECT_DOUBLE_EQ(lead.low, 1.1);
    EXPECT_DOUBLE_EQ(lead.high, 1.9);
    EXPECT_TRUE(lead.certain());
    // Tables of the test: order statistics 3 of 14, 6 of 20, 10 of 30, 18 of 50.
    for (const auto &[n, k] :
         std::vector<std::pair<int, int>>{{14, 3}, {20, 6}, {30, 10}, {50, 18}}) {
        std::vector<double> rising;
        for (int i = 1; i <= n; i++) rising.push_back(i);
        EXPECT_EQ(lead_of(std::vector<double>(static_cast<size_t>(n), 1.0), rising).low, k) << n;
    }
}

TEST(LeadOf, FewRoundsAreNeverCertain) {
    EXPECT_EQ(lead_of({}, {}).ratio, 1);
    EXPECT_FALSE(lead_of({}, {}).certain());
    const std::vector<double> five(5, 1.0), six(6, 1.0);
    EXPECT_FALSE(lead_of(five, times(five, 9)).certain());
    EXPECT_DOUBLE_EQ(lead_of(five, times(five, 9)).ratio, 9);
    EXPECT_TRUE(lead_of(six, times(six, 9)).certain());
}

TEST(LeadOf, SeesThroughWhatDisturbsBothAndThroughOutliers) {
    // The machine gets 40 % slower in the middle, and two samples are hit by something else.
    const std::vector<double> drift = {1, 1, 1.01, 1.02, 1.4, 1.41, 1.38, 1.4, 1, 1.02, 1};
    std::vector<double> slower = times(drift, 1.1), hit = drift;
    hit[2] *= 3;
    slower[7] *= 5;
    const Lead lead = lead_of(hit, slower);
    EXPECT_NEAR(lead.ratio, 1.1, 1e-12);
    EXPECT_TRUE(lead.certain());
    EXPECT_FALSE(lead_of(slower, hit).certain());
}

TEST(LeadOf, IsSeldomCertainOfTwoThatAreTheSame) {
    Random random(test_seed());
    int wrong = 0;
    constexpr int kTrials = 2000;
    for (int trial = 0; trial < kTrials; trial++) {
        std::vector<double> a, b;
        for (int i = 0; i < 11; i++) {
            a.push_back(1 + static_cast<double>(random.below(1000)) / 1000);
            b.push_back(1 + static_cast<double>(random.below(1000)) / 1000);
        }
        wrong += lead_of(a, b).certain();
    }
    // 0.6 % are expected; 2.5 % may be, by the test.
    EXPECT_LT(wrong, kTrials / 40);
}

}  // namespace
}  // namespace convwright
