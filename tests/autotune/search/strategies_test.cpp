// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "autotune/search/boosted_trees.h"
#include "autotune/search/portfolio.h"
#include "autotune/search/random_search.h"
#include "autotune/search/stop_rule.h"
#include "tests/autotune/rugged_recording.h"

namespace convwright {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Recording &world() {
    static const Recording recording = rugged_recording(2);
    return recording;
}
const Space &space() {
    static const Space space = world().space();
    return space;
}
double cost_of(Point point) { return world().trials.at(space().text(point)).result.cost(); }

template<typename Searcher>
Searcher make(uint64_t seed) {
    if constexpr (std::is_same_v<Searcher, AnalyticRanking>) {
        return Searcher(space(), 1000);
    } else {
        return Searcher(space(), seed);
    }
}

template<typename Searcher>
class Strategies : public testing::Test {};
using All =
    testing::Types<AnalyticRanking, RandomSearch, CoordinateDescent, LearnedRanking, Portfolio>;
TYPED_TEST_SUITE(Strategies, All);

TYPED_TEST(Strategies, AskForEveryLegalPointOnceAndThenForNothing) {
    auto strategy = make<TypeParam>(3);
    std::set<Point> asked;
    while (const std::optional<Point> point = strategy.ask()) {
        ASSERT_TRUE(space().is_legal(*point));
        ASSERT_TRUE(asked.insert(*point).second) << space().text(*point);
        strategy.tell(*point, cost_of(*point));
    }
    EXPECT_EQ(asked.size(), space().legal().size());
    EXPECT_EQ(strategy.ask(), std::nullopt);
}

TYPED_TEST(Strategies, DependOnTheSeedAndWhatTheyWereToldAlone) {
    const auto run = [](uint64_t seed) {
        auto strategy = make<TypeParam>(seed);
        std::vector<Point> asked;
        for (int batch = 0; batch < 6; batch++) {
            std::vector<Point> points;
            for (int i = 0; i < 8; i++) {
                if (const auto point = strategy.ask()) points.push_back(*point);
            }
            for (const Point point : points) strategy.tell(point, cost_of(point));
            asked.insert(asked.end(), points.begin(), points.end());
        }
        return asked;
    };
    EXPECT_EQ(run(1), run(1));
    if constexpr (!std::is_same_v<TypeParam, AnalyticRanking>) {
        EXPECT_NE(run(1), run(2));
    }
}

TYPED_TEST(Strategies, DoNotAskForWhatTheyWereTold) {
    auto strategy = make<TypeParam>(1);
    std::set<Point> told;
    for (size_t i = 0; i < space().legal().size(); i += 2) {
        const Point point = space().legal()[i];
        strategy.tell(point, cost_of(point));
        told.insert(point);
    }
    size_t asked = 0;
    while (const std::optional<Point> point = strategy.ask()) {
        ASSERT_FALSE(told.contains(*point));
        strategy.tell(*point, cost_of(*point));
        asked++;
    }
    EXPECT_EQ(asked + told.size(), space().legal().size());
}

TYPED_TEST(Strategies, GoOnWhenAllFails) {
    auto strategy = make<TypeParam>(1);
    size_t asked = 0;
    while (const std::optional<Point> point = strategy.ask()) {
        strategy.tell(*point, kInfinity);
        asked++;
    }
    EXPECT_EQ(asked, space().legal().size());
}

TYPED_TEST(Strategies, HaveNothingToSayOfAnEmptySpace) {
    const Space empty(space().subject(), {});
    if constexpr (std::is_same_v<TypeParam, AnalyticRanking>) {
        EXPECT_EQ(AnalyticRanking(empty, 10).ask(), std::nullopt);
    } else {
        EXPECT_EQ(TypeParam(empty, 1).ask(), std::nullopt);
    }
}

TEST(AnalyticRankingOrder, IsWholeAlgorithmsThenTheBestPredictionsThatDifferInMoreThanAKnob) {
    AnalyticRanking ranking(space(), 10);
    EXPECT_EQ(space().text(ranking.ask().value()), "pytorch");
    std::vector<Point> points;
    for (int i = 0; i < 10; i++) points.push_back(ranking.ask().value());
    EXPECT_EQ(ranking.ask(), std::nullopt);
    for (const Point point : space().legal()) {
        const bool known = !std::isnan(space().predicted(point));
        EXPECT_TRUE(!known || space().predicted(points[0]) <= space().predicted(point));
    }
    const auto differences = [](Point a, Point b) {
        const std::vector<int> first = space().values(a), second = space().values(b);
        int count = 0;
        for (size_t i = 0; i < first.size(); i++) count += first[i] != second[i];
        return count;
    };
    for (size_t i = 0; i < points.size(); i++) {
        for (size_t j = 0; j < i; j++)
            EXPECT_GE(differences(points[i], points[j]), 2) << i << " " << j;
        EXPECT_GE(space().predicted(points[i]), space().predicted(points[i == 0 ? 0 : i - 1]));
    }
}

TEST(AnalyticRankingOrder, LeavesOutKnobsOfWhichNothingIsPredicted) {
    SpaceKind unknown;
    unknown.name = "unknown";
    unknown.knobs = {{"k", {1, 2, 3}}};
    const Space mixed(space().subject(), {unknown, plain_kind("pytorch")});
    AnalyticRanking ranking(mixed, 10);
    EXPECT_EQ(mixed.text(ranking.ask().value()), "pytorch");
    EXPECT_EQ(ranking.ask(), std::nullopt);
}

TEST(Descent, GoesToTheNearestMinimumOfASmoothSpaceBeforeItRestarts) {
    SpaceKind bowl;
    bowl.name = "bowl";
    bowl.knobs = {{"a", {0, 1, 2, 3, 4, 5, 6, 7}}, {"b", {0, 1, 2, 3, 4, 5, 6, 7}}};
    const Space smooth(space().subject(), {bowl});
    const auto cost = [&](Point point) {
        const std::vector<int> v = smooth.values(point);
        return 1.0 + std::abs(v[0] - 5) + std::abs(v[1] - 2);
    };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        CoordinateDescent descent(smooth, seed);
        // From any of 64 points at most 10 steps away, each of at most 4 neighbours.
        double best = kInfinity;
        for (int trial = 0; trial < 36; trial++) {
            const Point point = descent.ask().value();
            best = std::min(best, cost(point));
            descent.tell(point, cost(point));
        }
        EXPECT_EQ(best, 1.0) << seed;
    }
}

TEST(Descent, WaitsForWhatItAskedBeforeItRestarts) {
    SpaceKind line;
    line.name = "line";
    line.knobs = {{"a", {0, 1, 2, 3, 4}}};
    const Space smooth(space().subject(), {line});
    CoordinateDescent descent(smooth, 1);
    descent.tell(2, 1.0);
    EXPECT_EQ(descent.ask(), Point{1});
    EXPECT_EQ(descent.ask(), Point{3});
    EXPECT_EQ(descent.ask(), std::nullopt);  // 1 or 3 may be better than 2
    descent.tell(3, 0.5);
    EXPECT_EQ(descent.ask(), Point{4});
}

TEST(Learned, FindsWhatATableOfTimesHasInCommon) {
    // After half of the points the model's first choice is among the best tenth of the rest.
    LearnedRanking learned(space(), 1);
    std::vector<Point> rest;
    for (const Point point : space().legal()) {
        if (point % 2 == 0) {
            learned.tell(point, cost_of(point));
        } else {
            rest.push_back(point);
        }
    }
    Point first = learned.ask().value();
    while (std::isinf(cost_of(first))) first = learned.ask().value();  // failures follow no rule
    size_t better = 0;
    for (const Point point : rest) better += cost_of(point) < cost_of(first);
    EXPECT_LT(better, rest.size() / 10);
}

TEST(Learned, LooksWhereTimesAreBetterThanPredicted) {
    // Of two kinds of one prediction the one is 20 % slower than that and known to the last point but one, the
    // other is 10 % better than predicted as far as it was tried.
    SpaceKind one;
    one.name = "one";
    one.knobs = {{"a", {0, 1, 2, 3, 4, 5, 6, 7}}};
    one.predict = [](const std::vector<int> &) { return 1.0; };
    SpaceKind other = one;
    other.name = "other";
    const Space two(space().subject(), {one, other});
    LearnedRanking learned(two, 1);
    for (Point point = 0; point < 7; point++) learned.tell(point, 1.2);
    learned.tell(8, 0.9);
    EXPECT_EQ(two.kind_of(learned.ask().value()), 1);
}

TEST(Learned, AvoidsWhatFailsAlways) {
    // Half of the space fails, and nothing else tells the halves apart.
    SpaceKind halves;
    halves.name = "halves";
    halves.knobs = {{"half", {0, 1}}, {"a", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}};
    const Space split(space().subject(), {halves});
    LearnedRanking learned(split, 1);
    for (Point point = 0; point < 4; point++) learned.tell(point, kInfinity);
    for (Point point = 12; point < 16; point++) learned.tell(point, 1.0);
    for (int i = 0; i < 4; i++) EXPECT_EQ(split.values(learned.ask().value())[0], 1);
}

TEST(Gaussian, KnowsWhatItWasToldAndDoubtsTheRest) {
    const auto row = [](double place, double trend, int kind = 0) {
        return GaussianProcess::Row{kind, {place}, trend};
    };
    // On a line of slope 1 the trend is all there is.
    const GaussianProcess model({row(0, 0), row(0.2, 1), row(0.4, 2)}, {5, 6, 7});
    const auto known = model.believe(row(0.2, 1));
    EXPECT_NEAR(known.mean, 6, 0.05);
    const auto beyond = model.believe(row(1, 4)), elsewhere = model.believe(row(1, 4, 1));
    EXPECT_NEAR(beyond.mean, 9, 0.5);
    EXPECT_LT(known.variance, beyond.variance);
    EXPECT_LT(beyond.variance, elsewhere.variance);
}

TEST(Gaussian, ExpectsAsMuchAsItLearns) {
    const GaussianProcess::Row first{0, {0}, 0}, middle{0, {0.5}, 0}, last{0, {0.6}, 0};
    const std::vector<GaussianProcess::Row> rows = {first};
    const GaussianProcess before(rows, {1});
    auto of_last = before.believe(last);
    const double doubt = of_last.variance;
    before.expect(middle, before.believe(middle), last, of_last);
    EXPECT_LT(of_last.variance, doubt * 0.7);
    EXPECT_EQ(of_last.mean, before.believe(last).mean);
    EXPECT_GT(of_last.variance, 0);
}

TEST(Trees, LearnAnInteractionOfTwoFeatures) {
    std::vector<std::vector<float>> rows;
    std::vector<double> targets;
    const auto truth = [](int a, int b) { return (a > 3) == (b > 3) ? 1.0 : 5.0; };
    for (int a = 0; a < 8; a++) {
        for (int b = 0; b < 8; b++) {
            if ((a + b) % 3 == 0) continue;
            rows.push_back({static_cast<float>(a), static_cast<float>(b)});
            targets.push_back(truth(a, b));
        }
    }
    const BoostedTrees model(rows, targets, {});
    for (int a = 0; a < 8; a++) {
        for (int b = 0; b < 8; b++) {
            const double guess = model.predict({static_cast<float>(a), static_cast<float>(b)});
            EXPECT_NEAR(guess, truth(a, b), 0.5) << a << " " << b;
        }
    }
}

TEST(Trees, OfOneRowAreItsTarget) {
    EXPECT_EQ(BoostedTrees({{1, 2}}, {7.0}, {}).predict({9, 9}), 7.0);
}

TEST(PortfolioOrder, BeginsWithTheSeeds) {
    const Point seed = space().legal().back();
    Portfolio portfolio(space(), 1, {seed, seed});
    EXPECT_EQ(portfolio.ask(), seed);
    EXPECT_EQ(space().text(portfolio.ask().value()), "pytorch");
}

TEST(PortfolioOrder, AsksForOneOfEveryEightAtRandomAfterThePredictions) {
    // What is told says nothing: all that differs between two seeds is drawn.
    const auto batch = [](uint64_t seed) {
        Portfolio portfolio(space(), seed);
        for (size_t i = 0; i < Portfolio::kAnalytic + 1; i++) {
            const Point point = portfolio.ask().value();
            portfolio.tell(point, cost_of(point));
        }
        std::set<Point> points;
        for (size_t i = 0; i < LearnedRanking::kBatch; i++) points.insert(portfolio.ask().value());
        return points;
    };
    const std::set<Point> first = batch(1), second = batch(2);
    std::vector<Point> shared;
    std::set_intersection(first.begin(), first.end(), second.begin(), second.end(),
                          std::back_inserter(shared));
    EXPECT_LT(shared.size(), LearnedRanking::kBatch);
    EXPECT_GE(shared.size(), LearnedRanking::kBatch - 2);
}

TEST(StopRules, EndASearchByItsBudgetOrByStagnation) {
    StopRule budget;
    budget.most_trials = 3;
    for (int i = 0; i < 3; i++) {
        EXPECT_FALSE(budget.done());
        EXPECT_EQ(budget.left(), 3 - i);
        budget.tell(1.0);
    }
    EXPECT_TRUE(budget.done());

    StopRule stagnation;
    stagnation.most_trials = 100, stagnation.stagnation = 4, stagnation.least_gain = 0.01;
    for (int i = 0; i < 10; i++) stagnation.tell(kInfinity);  // nothing works: nothing stagnates
    EXPECT_FALSE(stagnation.done());
    for (const double seconds : {2.0, 3.0, 1.999, kInfinity, 1.0, 1.0, 0.995, 1.0}) {
        stagnation.tell(seconds);
        EXPECT_FALSE(stagnation.done()) << seconds;
    }
    stagnation.tell(0.995);  // not better than 1.0 by what counts
    EXPECT_TRUE(stagnation.done());
}

}  // namespace
}  // namespace convwright
