// SPDX-License-Identifier: Apache-2.0
#include "autotune/timing.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

namespace convwright {
namespace {

TEST(Samples, HaveQuantilesBetweenNeighbours) {
    const Samples samples{{4, 1, 3, 2, 5}};
    EXPECT_EQ(samples.median(), 3);
    EXPECT_EQ(samples.quantile(0), 1);
    EXPECT_EQ(samples.quantile(1), 5);
    EXPECT_DOUBLE_EQ(samples.quantile(0.2), 1.8);
    EXPECT_DOUBLE_EQ(samples.spread(), (4.2 - 1.8) / 2 / 3);
    EXPECT_EQ(Samples{}.median(), 0);
}

TEST(TimeInterleaved, TakesTurns) {
    std::string order;
    const auto record = [&](char name) {
        return [&order, name] {
            if (order.empty() || order.back() != name) order += name;
            return true;
        };
    };
    const auto samples = time_interleaved({record('a'), record('b')}, {1, 0, 3, 3, 0, 0});
    EXPECT_EQ(order, "abababab");  // the first round is dropped
    ASSERT_EQ(samples.size(), 2u);
    EXPECT_EQ(samples[0].seconds.size(), 3u);
}

TEST(TimeInterleaved, MeasuresWallTimeOfSeveralThreadsAndProcessorTimeOfOne) {
    const auto sleep = [] {
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
        return true;
    };
    EXPECT_GE(time_interleaved({sleep}, {2, 0, 3, 3, 0, 0})[0].median(), 0.003);
    EXPECT_LT(time_interleaved({sleep}, {1, 0, 3, 3, 0, 0})[0].median(), 0.002);
}

TEST(TimeInterleaved, ResolvesProcessorTimeUnderALimitOfIt) {
    const pid_t child = fork();
    if (child == 0) {
        const rlimit limit{60, 60};
        if (setrlimit(RLIMIT_CPU, &limit) != 0) _exit(2);
        const auto spin = [] {
            using Clock = std::chrono::steady_clock;
            for (const auto end = Clock::now() + std::chrono::microseconds(300);
                 Clock::now() < end;) {
            }
            return true;
        };
        const auto samples = time_interleaved({spin}, {1, 0, 21, 21, 0, 0});
        const double median = samples[0].median();
        _exit(median > 1e-5 && median < 1e-3 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(TimeInterleaved, RepeatsShortCallsWithinASample) {
    int calls = 0;
    const auto count = [&] {
        calls++;
        return true;
    };
    const auto samples = time_interleaved({count}, {1, 0, 2, 2, 0, 1e-4});
    EXPECT_GT(calls, 10);
    EXPECT_LT(samples[0].median(), 1e-4);
}

TEST(TimeInterleaved, WaitsForWhatCallsHaveBegunElsewhere) {
    TimingPlan plan{1, 0, 3, 3, 0, 1e-9};
    int begun = 0, waits = 0;
    const std::function<bool()> begin = [&] { return ++begun > 0; };
    plan.wait = [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        return ++waits > 0;
    };
    const auto samples = time_interleaved({begin}, plan);
    ASSERT_EQ(samples.size(), 1u);
    EXPECT_EQ(waits, 4);                    // the first round is dropped
    EXPECT_GE(samples[0].median(), 0.002);  // wall time, although one thread sleeps
    plan.wait = [] { return false; };
    EXPECT_TRUE(time_interleaved({begin}, plan).empty());
}

TEST(TimeInterleaved, TimesACallMoreAfterEachFlush) {
    std::string order;
    TimingPlan plan{1, 0, 3, 3, 1 << 20, 0};
    plan.flush = [&] { order += 'f'; };
    const std::function<bool()> call = [&] {
        const bool cold = !order.empty() && order.back() == 'f';
        order += cold ? 'c' : 'w';
        std::this_thread::sleep_for(std::chrono::milliseconds(cold ? 4 : 1));
        return true;
    };
    plan.threads = 2;  // wall time
    const auto samples = time_interleaved({call}, plan);
    EXPECT_EQ(order, "fcwfcwfcwfcw");  // the first round is dropped
    ASSERT_EQ(samples.size(), 1u);
    EXPECT_EQ(samples[0].cold_seconds.size(), 3u);
    EXPECT_EQ(samples[0].seconds.size(), 3u);
    EXPECT_GE(samples[0].cold_median(), 0.004);
    EXPECT_GE(samples[0].median(), 0.001);
    plan.flush = nullptr;
    EXPECT_TRUE(time_interleaved({call}, plan)[0].cold_seconds.empty());
}

TEST(TimeInterleaved, WaitsForAFlushBeforeItTimes) {
    TimingPlan plan{1, 0, 3, 3, 1 << 20, 1e-9};
    bool flushing = false;
    plan.flush = [&] { flushing = true; };
    plan.wait = [&] {
        if (flushing) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        flushing = false;
        return true;
    };
    const auto samples = time_interleaved({[] { return true; }}, plan);
    EXPECT_LT(samples[0].cold_median(), 0.020);
}

TEST(CalmerHalf, IsThatInWhichAllCallsTogetherTookLeast) {
    // Others are at work in three of six rounds, and are hard on the first call.
    const std::vector<Samples> samples = {{{1.0, 1.9, 1.1, 2.0, 1.2, 1.8}, {3, 4, 3, 4, 3, 4}},
                                          {{1.0, 1.1, 1.0, 1.2, 0.9, 1.3}}};
    const std::vector<Samples> calm = calmer_half(samples);
    ASSERT_EQ(calm.size(), 2u);
    EXPECT_EQ(calm[0].seconds, (std::vector<double>{1.0, 1.1, 1.2}));
    EXPECT_EQ(calm[0].cold_seconds, (std::vector<double>{3, 3, 3}));
    EXPECT_EQ(calm[1].seconds, (std::vector<double>{1.0, 1.0, 0.9}));
    EXPECT_TRUE(calm[1].cold_seconds.empty());
    EXPECT_EQ(calmer_half({{{2.0}}})[0].seconds, std::vector<double>{2.0});
    EXPECT_TRUE(calmer_half({}).empty());
}

TEST(TimeInterleaved, EndsWhenACallFails) {
    EXPECT_TRUE(time_interleaved({[] { return false; }}, {}).empty());
}

}  // namespace
}  // namespace convwright
