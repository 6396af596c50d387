// SPDX-License-Identifier: Apache-2.0
#include "tests/autotune/search/search_quality.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "autotune/search/portfolio.h"
#include "autotune/search/random_search.h"
#include "tests/autotune/rugged_recording.h"

namespace convwright {
namespace {

constexpr int kTrials = 64, kFirstBudget = 16;

std::unique_ptr<Strategy> portfolio(const Space &space, uint64_t seed) {
    return std::make_unique<Portfolio>(space, seed);
}

/// Within 5 % of the optimum after 64 trials, and ahead of random search at every budget from 16 on.
void expect_good_search(const std::vector<double> &searched, const std::vector<double> &random) {
    EXPECT_LE(searched.back(), 1.05);
    for (int budget = kFirstBudget; budget <= kTrials; budget++)
        EXPECT_LT(searched[budget - 1], random[budget - 1]) << budget;
}

/// Where the prediction misleads no search that begins with it is ahead after 16 trials: what counts is the mean
/// of many formulas.
TEST(SearchQuality, IsGoodOnRuggedFormulas) {
    constexpr int kWorlds = 20, kSeeds = 2;
    std::vector<double> searched(kTrials), random(kTrials);
    for (int world = 1; world <= kWorlds; world++) {
        const Recording recording = rugged_recording(world);
        const std::vector<double> a = regret(recording, portfolio, kSeeds, kTrials);
        const std::vector<double> b = random_regret(recording, kTrials);
        EXPECT_LE(a.back(), 1.05) << world;
        for (int i = 0; i < kTrials; i++)
            searched[i] += a[i] / kWorlds, random[i] += b[i] / kWorlds;
    }
    expect_good_search(searched, random);
}

TEST(SearchQuality, IsGoodOnEverySpaceOfADevice) {
    constexpr int kSeeds = 20;
    int recordings = 0;
    for (const auto &file : std::filesystem::directory_iterator(CONVWRIGHT_RECORDINGS)) {
        if (file.path().extension() != ".jsonl") continue;
        SCOPED_TRACE(file.path().filename());
        recordings++;
        const Recording recording = read_recording_file(file.path());
        ASSERT_GE(recording.trials.size(), 150u);
        expect_good_search(regret(recording, portfolio, kSeeds, kTrials),
                           random_regret(recording, kTrials));
    }
    EXPECT_GE(recordings, 2);
}

TEST(SearchQuality, OfRandomSearchIsTheMeanOverItsOrders) {
    const Recording recording = rugged_recording(1);
    const std::vector<double> mean = random_regret(recording, kTrials);
    const std::vector<double> drawn = regret(
        recording,
        [](const Space &s, uint64_t seed) { return std::make_unique<RandomSearch>(s, seed); }, 1000,
        kTrials);
    for (int budget = kFirstBudget; budget <= kTrials; budget += 8)
        EXPECT_NEAR(mean[budget - 1], drawn[budget - 1], 0.01) << budget;
}

}  // namespace
}  // namespace convwright
