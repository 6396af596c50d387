// SPDX-License-Identifier: Apache-2.0
#include "autotune/engine.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include "autotune/database/tuned_table_writer.h"
#include "autotune/random.h"
#include "autotune/replay.h"
#include "autotune/search/random_search.h"
#include "runtime/tuned_table.h"
#include "tests/autotune/database/database_fixture.h"
#include "tests/autotune/rugged_recording.h"
#include "tests/seed.h"

namespace convwright {
namespace {

class EngineTest : public DatabaseTest {
protected:
    EngineTest() : recording_(rugged_recording(2)), space_(recording_.space()) {
        options_.stop.most_trials = 48;
    }

    SearchReport run(Evaluator &evaluator, const std::string &file, uint64_t seed = 1) {
        Database database(file);
        Portfolio portfolio(space_, seed);
        return search(space_, portfolio, evaluator, database, recording_.key.environment, options_);
    }

    /// Candidates and what is known of them, without the time of day.
    static std::set<std::string> contents(const std::string &file) {
        Database database(file);
        std::set<std::string> texts;
        for (const Record &r : database.records()) {
            texts.insert(r.key.subject.problem + " " + r.key.space + " " +
                         r.key.environment.identity + " " + r.candidate + " " +
                         outcome_name(r.result.outcome) + " " + std::to_string(r.result.seconds));
        }
        EXPECT_EQ(static_cast<int64_t>(texts.size()), database.count_records());
        return texts;
    }

    static std::vector<std::string> roles(const SearchReport &report) {
        std::vector<std::string> roles;
        for (const FinalTime &time : report.choice->finals) roles.push_back(time.role);
        return roles;
    }

    Recording recording_;
    Space space_;
    SearchOptions options_;
};

/// A replay that takes its time, as a device does.
class SlowReplay : public ReplayEvaluator {
public:
    using ReplayEvaluator::ReplayEvaluator;
    Result evaluate(const std::string &candidate) override {
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
        return ReplayEvaluator::evaluate(candidate);
    }
};

/// Ends the process while it evaluates the n-th candidate, as a kill of the whole tuner would.
class DyingReplay : public ReplayEvaluator {
public:
    DyingReplay(const Recording &recording, int64_t last)
        : ReplayEvaluator(recording), last_(last) {}
    Result evaluate(const std::string &candidate) override {
        if (evaluated() == last_) raise(SIGKILL);
        return ReplayEvaluator::evaluate(candidate);
    }

private:
    int64_t last_;
};

TEST_F(EngineTest, RecordsEveryTrialAndChoosesTheBest) {
    ReplayEvaluator replay(recording_);
    std::vector<std::string> told;
    options_.on_result = [&](const std::string &candidate, const Result &, bool known) {
        EXPECT_FALSE(known);
        told.push_back(candidate);
    };
    const SearchReport report = run(replay, path());
    EXPECT_EQ(report.trials, 48);
    EXPECT_EQ(report.measured, 48);
    EXPECT_EQ(report.known, 0);
    Database database(path());
    double best = 1;
    for (const Record &record : database.records()) {
        EXPECT_EQ(record.key, recording_.key);
        if (record.result.outcome == Outcome::kOk) best = std::min(best, record.result.seconds);
    }
    EXPECT_EQ(database.count_records(), 48);
    EXPECT_EQ(told.size(), 48u);
    ASSERT_TRUE(report.choice);
    EXPECT_EQ(report.choice->seconds, best);
    EXPECT_EQ(database.choice(recording_.key)->candidate, report.choice->candidate);
    EXPECT_EQ(roles(report).front(), "winner");
    EXPECT_EQ(roles(report).back(), "pytorch");
    // Of the others what is within 5 % of it.
    for (const FinalTime &time : report.choice->finals)
        if (time.role != "pytorch") {
            EXPECT_LE(time.seconds, 1.05 * best) << time.role;
        }
    // The runtime finds it.
    const auto table = TunedTable::read(tuned_table_beside(path()));
    ASSERT_TRUE(std::holds_alternative<TunedTable>(table));
    const auto found = std::get<TunedTable>(table).find(recording_.key.environment.identity,
                                                        recording_.key.subject.problem, 0);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->candidate, report.choice->candidate);
}

TEST_F(EngineTest, GoesOnFromWhatIsRecorded) {
    ReplayEvaluator replay(recording_);
    options_.stop.most_trials = 20;
    run(replay, path());
    ReplayEvaluator second(recording_);
    options_.stop.most_trials = 48;
    const SearchReport report = run(second, path());
    EXPECT_EQ(report.known, 20);
    EXPECT_EQ(second.evaluated(), 28);
    ReplayEvaluator third(recording_);
    EXPECT_EQ(run(third, path()).known, 48);
    EXPECT_EQ(third.evaluated(), 0);
    ReplayEvaluator whole(recording_);
    run(whole, path("whole"));
    EXPECT_EQ(contents(path()), contents(path("whole")));
}

TEST_F(EngineTest, OtherVersionsAreMeasuredAgain) {
    ReplayEvaluator replay(recording_);
    run(replay, path());
    recording_.key.environment.versions = "formula 2";
    ReplayEvaluator second(recording_);
    EXPECT_EQ(run(second, path()).known, 0);
    EXPECT_EQ(Database(path()).count_records(), 96);
    // What was good before comes first.
    Database database(path());
    recording_.key.environment.versions = "formula 3";
    const std::vector<Point> seeds = seeds_from(database, space_, recording_.key.environment, 2);
    ASSERT_EQ(seeds.size(), 2u);
    EXPECT_EQ(space_.text(seeds[0]), database.choices()[0].candidate);
}

TEST_F(EngineTest, TakesWhatItHasWhenTimeIsOverInTheMiddleOfABatch) {
    ReplayEvaluator replay(recording_);
    options_.out_of_time = [&] { return replay.evaluated() >= 11; };
    const SearchReport report = run(replay, path());
    EXPECT_EQ(report.measured, 11);
    EXPECT_EQ(report.trials, 11);
    EXPECT_EQ(Database(path()).count_records(), 11);
    EXPECT_TRUE(report.choice);
    options_.out_of_time = nullptr;
    ReplayEvaluator rest(recording_), whole(recording_);
    EXPECT_EQ(run(rest, path()).measured, 37);
    run(whole, path("whole"));
    EXPECT_EQ(contents(path()), contents(path("whole")));
}

TEST_F(EngineTest, EndsWithTheSpace) {
    options_.stop.most_trials = 100'000;
    ReplayEvaluator replay(recording_);
    Database database(path());
    RandomSearch random(space_, 1);
    const SearchReport report =
        search(space_, random, replay, database, recording_.key.environment, options_);
    EXPECT_EQ(report.trials, static_cast<int64_t>(space_.legal().size()));
    EXPECT_EQ(report.choice->seconds, recording_.best_seconds());
}

TEST_F(EngineTest, AnExceptionOfTheEvaluatorLosesNothingAndFreesTheCandidate) {
    class Throws : public ReplayEvaluator {
    public:
        using ReplayEvaluator::ReplayEvaluator;
        Result evaluate(const std::string &candidate) override {
            if (evaluated() == 5) throw std::runtime_error("no linker");
            return ReplayEvaluator::evaluate(candidate);
        }
    } broken(recording_);
    EXPECT_THROW(run(broken, path()), std::runtime_error);
    Database database(path());
    EXPECT_EQ(database.count_records(), 5);
    EXPECT_EQ(database.connection().integer("SELECT count(*) FROM claim"), 0);
}

TEST_F(EngineTest, PytorchIsTakenWhereItWins) {
    recording_.trials["pytorch"].result.seconds = 1e-4;
    ReplayEvaluator replay(recording_);
    options_.default_candidate = "rugged/vec:2,tile:8,stage:1,unroll:1";
    options_.incumbent = "rugged/vec:99";  // of another space: no part of the comparison
    const SearchReport report = run(replay, path());
    EXPECT_EQ(report.choice->candidate, "pytorch");
    EXPECT_EQ(roles(report).front(), "default");
    for (const std::string &role : roles(report)) EXPECT_NE(role, "incumbent");
    EXPECT_NE(report.choice->reason.find("times as fast as the default"), std::string::npos);
}

TEST_F(EngineTest, NothingIsChosenBesideADefaultThatNobodyCouldTime) {
    class WithoutPytorch : public ReplayEvaluator {
    public:
        using ReplayEvaluator::ReplayEvaluator;
        std::vector<Contestant> compare(const std::vector<FinalTime> &contestants) override {
            std::vector<Contestant> times = ReplayEvaluator::compare(contestants);
            for (Contestant &time : times)
                if (time.candidate == kPytorchKind) time.seconds = 0, time.rounds.clear();
            return times;
        }
        std::string why_compared_otherwise() const override { return "Python is gone."; }
    } evaluator(recording_);
    options_.default_candidate = kPytorchKind;
    const SearchReport report = run(evaluator, path());
    EXPECT_FALSE(report.choice);
    EXPECT_EQ(report.notice,
              "Nothing is chosen, for 'pytorch', which runs without tuning, could not be timed. "
              "Python is gone.");
    EXPECT_FALSE(Database(path()).choice(recording_.key));
    // What was chosen before may be left for what is faster than it.
    options_.incumbent = "rugged/vec:2,tile:8,stage:1,unroll:1";
    EXPECT_TRUE(run(evaluator, path()).choice);
    // A kernel that fails is no reason to keep it.
    options_.incumbent.clear();
    options_.default_candidate = "rugged/vec:1,tile:1,stage:0,unroll:1";
    recording_.trials[options_.default_candidate].result = {Outcome::kCrashed, 0, 0, 0, "No.", ""};
    EXPECT_TRUE(run(evaluator, path("other")).choice);
}

TEST_F(EngineTest, SaysWhyThereIsNoChoice) {
    for (auto &[candidate, trial] : recording_.trials)
        trial.result = {Outcome::kWrongAnswer, 0, 0, 0, "It fails by the formula.", ""};
    ReplayEvaluator replay(recording_);
    options_.stop.most_trials = 3;
    const SearchReport report = run(replay, path());
    EXPECT_FALSE(report.choice);
    EXPECT_EQ(report.notice,
              "None of its 3 candidates worked; the last one: It fails by the formula.");
    options_.out_of_time = [] { return true; };
    recording_.trials.erase("pytorch");  // whatever trials said, it would be compared
    ReplayEvaluator none(recording_);
    EXPECT_EQ(run(none, path("none")).notice, "No candidate was tried.");
    recording_.trials.clear();
    space_ = recording_.space();
    EXPECT_EQ(run(none, path("none")).notice, "It has no legal candidate.");
}

TEST_F(EngineTest, WhyCandidatesWereComparedOtherwiseIsAPartOfTheReason) {
    class Otherwise : public ReplayEvaluator {
    public:
        using ReplayEvaluator::ReplayEvaluator;
        std::string why_compared_otherwise() const override { return "Python is gone."; }
    } otherwise(recording_);
    const SearchReport report = run(otherwise, path());
    EXPECT_EQ(report.notice, "Python is gone.");
    EXPECT_TRUE(report.choice->reason.ends_with(". Python is gone.")) << report.choice->reason;
}

/// A replay whose kernels are files: each is made anew for the comparison.
class RemadeKernels : public ReplayEvaluator {
public:
    using ReplayEvaluator::ReplayEvaluator;
    static std::string sha(char digit) { return std::string(64, digit); }
    Result evaluate(const std::string &candidate) override {
        Result result = ReplayEvaluator::evaluate(candidate);
        if (!is_algorithm(candidate)) result.artifact = sha('1');
        return result;
    }
    std::vector<Contestant> compare(const std::vector<FinalTime> &contestants) override {
        std::vector<Contestant> times = ReplayEvaluator::compare(contestants);
        for (Contestant &time : times)
            if (!is_algorithm(time.candidate)) time.artifact = sha('2');
        return times;
    }
};

TEST_F(EngineTest, TheChoiceNamesTheKernelThatWasComparedNotTheOneOfItsTrial) {
    RemadeKernels remade(recording_);
    const SearchReport report = run(remade, path());
    EXPECT_EQ(report.choice->artifact, RemadeKernels::sha('2'));
    EXPECT_EQ(Database(path()).choice(recording_.key)->artifact, RemadeKernels::sha('2'));
}

TEST_F(EngineTest, AnIncumbentOfAnotherEnvironmentIsTriedBeforeItIsCompared) {
    std::string best, broken;
    for (const auto &[candidate, trial] : recording_.trials) {
        if (trial.result.seconds == recording_.best_seconds()) best = candidate;
        if (trial.result.outcome == Outcome::kWrongAnswer) broken = candidate;
    }
    options_.stop.most_trials = 2;
    options_.incumbent = best;
    RemadeKernels remade(recording_);
    const SearchReport report = run(remade, path());
    EXPECT_EQ(report.trials, 2);
    EXPECT_EQ(report.measured, 3);
    EXPECT_EQ(report.choice->candidate, best);
    EXPECT_EQ(report.choice->artifact, RemadeKernels::sha('2'));
    EXPECT_TRUE(Database(path()).find(recording_.key, best));
    // One that does not work here is no part of the comparison; its trial is kept.
    ASSERT_NE(broken, "");
    options_.incumbent = broken;
    RemadeKernels again(recording_);
    const SearchReport without = run(again, path());
    for (const FinalTime &time : without.choice->finals) EXPECT_NE(time.candidate, broken);
    EXPECT_TRUE(Database(path()).find(recording_.key, broken));
    // Whose trial is known is not tried again.
    RemadeKernels third(recording_);
    EXPECT_EQ(run(third, path()).measured, 0);
}

/// A replay in which the default takes so long in each round of a comparison, and all others 1 second.
class GivenRounds : public ReplayEvaluator {
public:
    GivenRounds(const Recording &recording, std::vector<std::vector<double>> defaults)
        : ReplayEvaluator(recording), defaults_(std::move(defaults)) {}
    std::vector<Contestant> compare(const std::vector<FinalTime> &contestants) override {
        std::vector<Contestant> times;
        const std::vector<double> usual = defaults_.at(static_cast<size_t>(comparisons++));
        for (const FinalTime &time : contestants)
            times.push_back({time, time.role == "default" ? usual : std::vector<double>(11, 1.0)});
        for (Contestant &time : times) time.seconds = time.rounds.empty() ? 0 : time.rounds[5];
        return times;
    }
    int comparisons = 0;

private:
    std::vector<std::vector<double>> defaults_;
};

TEST_F(EngineTest, ComparedAgainTheRoundsOfBothCount) {
    options_.default_candidate = "rugged/vec:2,tile:8,stage:1,unroll:1";
    GivenRounds rounds(recording_,
                       {std::vector<double>(11, 1.1), std::vector<double>(11, 0.9), {}});
    SearchReport report = run(rounds, path());
    EXPECT_NE(report.choice->candidate, options_.default_candidate);
    EXPECT_EQ(rounds.comparisons, 1);
    Database database(path());
    const SearchKey key{space_.subject(), space_.hash(), recording_.key.environment};
    const auto later = compare_again(report.compared, key, rounds, database);
    ASSERT_TRUE(later);
    EXPECT_EQ(later->candidate, options_.default_candidate);
    EXPECT_EQ(database.choice(key)->candidate, options_.default_candidate);
    EXPECT_EQ(report.compared[0].rounds.size(), 22u);
    // What cannot be timed now leaves the choice as it was.
    GivenRounds none(recording_, {{}});
    std::vector<Contestant> alone = {report.compared[0]};
    ASSERT_EQ(alone[0].role, "default");
    EXPECT_FALSE(compare_again(alone, key, none, database));
    EXPECT_EQ(database.choice(key)->candidate, options_.default_candidate);
}

TEST_F(EngineTest, KilledAtTwentyMomentsEndsAsAnUndisturbedRun) {
    ReplayEvaluator whole(recording_);
    run(whole, path("whole"));
    Random random(test_seed());
    int killed = 0;
    for (int kill = 0; kill < 20; kill++) {
        // Half of them at any moment, half of them in the middle of a trial.
        const bool anywhere = kill % 2 == 0;
        const int64_t last = static_cast<int64_t>(random.below(4));
        const pid_t child = fork();
        if (child == 0) {
            try {
                SlowReplay slow(recording_);
                DyingReplay dying(recording_, last);
                anywhere ? run(slow, path()) : run(dying, path());
            } catch (const std::exception &error) {
                std::fprintf(stderr, "child: %s\n", error.what());
                _exit(1);
            }
            _exit(0);
        }
        if (anywhere) {
            std::this_thread::sleep_for(std::chrono::microseconds(random.below(60'000)));
            ::kill(child, SIGKILL);
        }
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        killed += WIFSIGNALED(status);
        for (const std::string &text : contents(path())) {
            EXPECT_TRUE(contents(path("whole")).contains(text)) << text;
        }
    }
    EXPECT_GE(killed, 10);
    ReplayEvaluator rest(recording_);
    const SearchReport report = run(rest, path());
    EXPECT_GT(report.known, 0);
    EXPECT_EQ(contents(path()), contents(path("whole")));
    EXPECT_EQ(Database(path()).choice(recording_.key)->candidate,
              Database(path("whole")).choice(recording_.key)->candidate);
}

/// Tuners of one database at once, each in a process of its own; how many trials each made.
std::vector<int> tune_at_once(const std::vector<uint64_t> &seeds,
                              const std::function<SearchReport(uint64_t)> &run) {
    std::vector<pid_t> children;
    for (const uint64_t seed : seeds) {
        const pid_t child = fork();
        if (child == 0) {
            try {
                _exit(static_cast<int>(run(seed).measured));
            } catch (const std::exception &error) {
                std::fprintf(stderr, "child: %s\n", error.what());
                _exit(200);
            }
        }
        children.push_back(child);
    }
    std::vector<int> measured;
    for (const pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        measured.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    return measured;
}

TEST_F(EngineTest, TwoTunersOfOneSearchShareItsTrials) {
    const auto tune = [&](uint64_t seed) {
        SlowReplay slow(recording_);
        return run(slow, path(), seed);
    };
    const std::vector<int> measured = tune_at_once({1, 1}, tune);
    EXPECT_EQ(measured[0] + measured[1], 48);
    EXPECT_GT(measured[0], 0);
    EXPECT_GT(measured[1], 0);
    ReplayEvaluator whole(recording_);
    run(whole, path("whole"));
    EXPECT_EQ(contents(path()), contents(path("whole")));
}

TEST_F(EngineTest, TwoTunersOfTwoSearchesMeasureNothingTwice) {
    const auto tune = [&](uint64_t seed) {
        SlowReplay slow(recording_);
        return run(slow, path(), seed);
    };
    const std::vector<int> measured = tune_at_once({1, 2}, tune);
    EXPECT_EQ(measured[0] + measured[1], Database(path()).count_records());
    std::set<std::string> alone;
    for (const uint64_t seed : {1, 2}) {
        const std::string file = path("alone" + std::to_string(seed));
        ReplayEvaluator replay(recording_);
        run(replay, file, seed);
        alone.merge(contents(file));
    }
    EXPECT_EQ(contents(path()), alone);
}

TEST_F(EngineTest, CostsLittleBesideATrial) {
    ReplayEvaluator replay(recording_);
    const auto start = std::chrono::steady_clock::now();
    run(replay, path());
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    RecordProperty("microseconds_per_trial", static_cast<int>(seconds.count() / 48 * 1e6));
    EXPECT_LT(seconds.count() / 48, 0.15);  // a tenth of the 1.5 s that a trial may take
}

}  // namespace
}  // namespace convwright
