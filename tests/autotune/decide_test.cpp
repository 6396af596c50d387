// SPDX-License-Identifier: Apache-2.0
#include "autotune/decide.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace convwright {
namespace {

Contestant timed(const std::string &role, const std::string &candidate,
                 const std::vector<double> &rounds) {
    std::vector<double> sorted = rounds;
    std::sort(sorted.begin(), sorted.end());
    return {{role, candidate, sorted[sorted.size() / 2], 0.01}, rounds};
}

// Seconds of 11 rounds on a machine that others use, too: the same call twice, and one that takes 10 % longer.
const std::vector<double> kCall = {1.00, 1.02, 1.31, 0.99, 1.00, 1.45,
                                   1.01, 0.98, 1.00, 1.12, 1.03};
const std::vector<double> kAgain = {1.01, 1.00, 1.27, 1.02, 0.99, 1.41,
                                    1.03, 0.99, 1.00, 1.15, 1.01};
const std::vector<double> kSlower = {1.11, 1.10, 1.42, 1.13, 1.09, 1.38,
                                     1.12, 1.09, 1.30, 1.24, 1.10};

TEST(Decide, SeesALeadOfTenPercentThroughTheNoise) {
    const auto [taken, why] =
        decide({timed("default", "a/usual", kSlower), timed("pytorch", "pytorch", kCall)});
    EXPECT_EQ(taken.candidate, "pytorch");
    EXPECT_EQ(
        why,
        "It is the fastest of those compared side by side: 1.11 times as fast as the default.");
}

TEST(Decide, KeepsWhatIsInUseInATie) {
    const auto [kept, why] =
        decide({timed("winner", "a/new", kCall), timed("incumbent", "a/old", kAgain),
                timed("default", "a/usual", kSlower)});
    EXPECT_EQ(kept.candidate, "a/old");
    EXPECT_EQ(
        why,
        "It was in use, and a/new is not certainly faster (1.00 times as fast, 0.97 to 1.03 by "
        "11 rounds): 1.11 times as fast as the default.");
    // Without one before, the default is in use.
    EXPECT_EQ(decide({timed("default", "a/usual", kAgain), timed("winner", "a/new", kCall)})
                  .first.candidate,
              "a/usual");
    EXPECT_EQ(
        decide({timed("winner", "a/new", kCall), {{"incumbent", "a/old", 0, 0}}}).first.candidate,
        "a/new");  // it failed
}

TEST(Decide, TakesTheFastestThatIsCertainlyAhead) {
    // A little ahead in every round, where the fastest by its median is ahead in some.
    const std::vector<double> one(11, 1.0), steady(11, 0.995);
    const std::vector<double> wild = {0.5, 2, 2, 0.5, 0.5, 2, 2, 0.5, 2, 0.99, 0.99};
    const auto [taken, why] =
        decide({timed("default", "a/usual", one), timed("winner", "a/steady", steady),
                timed("pytorch", "pytorch", wild)});
    EXPECT_EQ(taken.candidate, "a/steady");
    EXPECT_NE(why.find("It is ahead of what was in use, and pytorch is not certainly faster"),
              std::string::npos)
        << why;
}

TEST(Decide, ALeadThatIsNotCertainChangesNothing) {
    // Ahead by 10 % in 8 of 11 rounds.
    const std::vector<double> one(11, 1.0);
    const std::vector<double> other = {1.1, 1.1, 1.1, 0.9, 1.1, 1.1, 0.9, 1.1, 1.1, 0.9, 1.1};
    const std::vector<Contestant> times = {timed("default", "a/usual", other),
                                           timed("pytorch", "pytorch", one)};
    EXPECT_EQ(decide(times).first.candidate, "a/usual");
    EXPECT_TRUE(is_close(times, 0));
}

TEST(IsClose, WhereAnotherMinuteCouldTellOtherwise) {
    const std::vector<double> one(11, 1.0), half(11, 0.5);
    EXPECT_TRUE(
        is_close({timed("default", "a/usual", kSlower), timed("winner", "a/new", kCall)}, 0));
    EXPECT_FALSE(is_close({timed("default", "a/usual", one), timed("winner", "a/new", half)}, 0));
    // Certainly ahead of what is in use, and perhaps behind another.
    const std::vector<double> wild = {0.4, 2, 0.4, 2, 0.4, 2, 0.4, 2, 0.4, 2, 0.4};
    EXPECT_TRUE(is_close({timed("default", "a/usual", one), timed("winner", "a/new", half),
                          timed("pytorch", "pytorch", wild)},
                         0));
    EXPECT_FALSE(
        is_close({timed("default", "a/usual", kCall), timed("winner", "a/new", kSlower)}, 0));
    EXPECT_FALSE(
        is_close({timed("winner", "a/new", kCall), timed("second", "a/other", kSlower)}, 0));
    EXPECT_TRUE(
        is_close({timed("default", "a/usual", kCall), timed("pytorch", "pytorch", kSlower)}, 0));
    EXPECT_FALSE(
        is_close({timed("default", "a/usual", half), timed("pytorch", "pytorch", one)}, 0));
    // Of recorded times there is nothing to be certain of.
    EXPECT_FALSE(
        is_close({{{"winner", "a/new", 1.00, 0.02}}, {{"incumbent", "a/old", 1.03, 0.01}}}, 0));
    EXPECT_FALSE(is_close({}, 0));
}

TEST(CloseOnes, AreWhatIsInUseAndWhatIsFaster) {
    const std::vector<FinalTime> close = close_ones({timed("default", "a/usual", kSlower),
                                                     timed("incumbent", "a/old", kAgain),
                                                     timed("winner", "a/new", kCall),
                                                     {{"second", "a/failed", 0, 0}}},
                                                    0);
    ASSERT_EQ(close.size(), 2u);
    EXPECT_EQ(close[0].candidate, "a/old");
    EXPECT_EQ(close[1].candidate, "a/new");
    EXPECT_EQ(close[1].role, "winner");
}

TEST(AddRounds, CountThoseOfBothMinutes) {
    std::vector<Contestant> times = {timed("default", "a/usual", kSlower),
                                     timed("winner", "a/new", kCall)};
    EXPECT_EQ(decide(times).first.candidate, "a/new");
    // In the other minute it is the other way round.
    add_rounds(times, {timed("default", "a/usual", kCall), timed("winner", "a/new", kSlower)});
    EXPECT_EQ(decide(times).first.candidate, "a/usual");
    ASSERT_EQ(times[1].rounds.size(), 22u);
    EXPECT_EQ(times[1].rounds[11], kSlower[0]);
    EXPECT_DOUBLE_EQ(times[0].seconds, times[1].seconds);
    // Of what was not compared again nothing changes.
    times.push_back(timed("second", "a/slow", kSlower));
    add_rounds(times, {timed("default", "a/usual", kCall)});
    EXPECT_EQ(times[2].rounds, kSlower);
    // What fails now did not work.
    add_rounds(times, {timed("default", "a/usual", kCall), {{"winner", "a/new", 0, 0}}});
    EXPECT_EQ(times[1].seconds, 0);
    EXPECT_EQ(decide(times).first.candidate, "a/usual");
}

/// One whose probe took so long.
Contestant disturbed(Contestant contestant, double probe_seconds) {
    contestant.probe_seconds = probe_seconds;
    return contestant;
}

TEST(IsDisturbed, WhereTheProbeTookMuchLongerThanItWasSeenTo) {
    const std::vector<double> one(11, 1.0), half(11, 0.5);
    const std::vector<Contestant> times = {disturbed(timed("default", "a/usual", one), 1.8e-4),
                                           disturbed(timed("winner", "a/new", half), 1.8e-4),
                                           disturbed(timed("second", "a/slow", kSlower), 1.8e-4)};
    EXPECT_FALSE(is_disturbed(times, 0));  // nothing is known
    EXPECT_FALSE(is_disturbed(times, 1.8e-4));
    EXPECT_FALSE(is_close(times, 1.8e-4));
    EXPECT_EQ(close_ones(times, 1.8e-4).size(), 2u);
    // Then all of it is to be seen again, however far they are apart.
    EXPECT_TRUE(is_disturbed(times, 1e-4));
    EXPECT_TRUE(is_close(times, 1e-4));
    EXPECT_EQ(close_ones(times, 1e-4).size(), 3u);
}

TEST(AddRounds, OfACalmMinuteAloneCount) {
    const Contestant calm = disturbed(timed("winner", "a/new", kCall), 1e-4),
                     slow = disturbed(timed("winner", "a/new", kSlower), 1.8e-4);
    std::vector<Contestant> times = {slow};
    times[0].role = "incumbent";
    add_rounds(times, {calm});
    EXPECT_EQ(times[0].rounds, kCall);
    EXPECT_EQ(times[0].role, "incumbent");
    EXPECT_EQ(times[0].probe_seconds, 1e-4);
    add_rounds(times, {slow});
    EXPECT_EQ(times[0].rounds, kCall);
    add_rounds(times, {disturbed(calm, 1.1e-4)});
    EXPECT_EQ(times[0].rounds.size(), 22u);
}

TEST(Decide, ByRecordedTimesAloneATieIsATie) {
    const Contestant winner{{"winner", "a/new", 1.00, 0.02}};
    EXPECT_EQ(decide({winner, {{"incumbent", "a/old", 1.015, 0.01}}}).first.candidate, "a/old");
    EXPECT_EQ(decide({winner, {{"incumbent", "a/old", 1.03, 0.01}}}).first.candidate, "a/new");
}

}  // namespace
}  // namespace convwright
