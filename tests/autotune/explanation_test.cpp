// SPDX-License-Identifier: Apache-2.0
#include "autotune/explanation.h"

#include "tests/autotune/database/database_fixture.h"

namespace convwright {
namespace {

constexpr char kProblem[] = "fprop_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc";
constexpr char kVersions[] = "convwright=0.1.0;halide=21.0.0";

bool has(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
}

Environment environment() { return cpu_environment(kVersions, 2); }

class Explanation : public DatabaseTest {
protected:
    void SetUp() override {
        if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
        std::vector<std::string> left_out;
        task_ = tuning_tasks({{parse_operator_problem(kProblem)}}, left_out).at(0);
        const Space space = space_of(task_, {});
        key_ = {space.subject(), space.hash(), environment()};
        const std::vector<Point> ranked = space.ranked();
        winner_ = space.text(ranked[2]);  // [0] is PyTorch, of which nothing is predicted
        neighbour_ = space.text(space.neighbours(ranked[2]).at(0));
    }

    void tune(Database &database) {
        database.add({key_, winner_, {Outcome::kOk, 1e-4, 2e-6, 11, "", std::string(64, 'a')}, 0});
        Result spills{Outcome::kRejected, 0, 0, 0, "It keeps 3 values in memory.", ""};
        database.add({key_, neighbour_, spills, 0});
        Choice choice = test_choice(key_, winner_);
        choice.seconds = 1e-4;
        choice.finals = {{"winner", winner_, 1e-4, 2e-6, 3e-4}, {"pytorch", "pytorch", 2e-4, 1e-6}};
        database.choose(choice);
    }

    TuningTask task_;
    SearchKey key_;
    std::string winner_, neighbour_;
};

TEST_F(Explanation, SaysWhyTheWinnerWon) {
    Database database(path());
    tune(database);
    const std::string text = explain_choice(task_, &database, environment());
    for (const std::string &part :
         {std::string(kProblem) + " pass 0", "chosen: " + winner_ + ", 0.1 ms",
          std::string("It is the fastest."),
          std::string("winner: 0.1 ms, spread 0.002 ms, cold 0.3 ms, "),
          std::string("pytorch: 0.2 ms"), std::string("FLOP/s"), std::string("B/s"),
          std::string("place 3 of "), std::string("keep no vector in memory"),
          "    " + neighbour_ + ": ", std::string("rejected: It keeps 3 values in memory."),
          std::string("trials: 2, 1 ok, 1 rejected"), std::string("not legal: ")})
        EXPECT_TRUE(has(text, part)) << part << "\nis missing in\n" << text;
    // 2 * 17 * 8 * 9 * 2 * 9 * 11 operations.
    EXPECT_TRUE(has(text, "work: 484.7 kFLOP")) << text;
}

TEST_F(Explanation, SaysThatItIsOfAnotherMachine) {
    Database database(path());
    key_.environment.device = "cores=999";
    tune(database);
    const std::string text = explain_choice(task_, &database, environment());
    EXPECT_TRUE(has(text, "It was measured on cores=999")) << text;
    EXPECT_TRUE(has(text, "trials: 2, 1 ok")) << text;
}

TEST_F(Explanation, SaysWhatRunsWithoutTuning) {
    Database database(path());
    for (Database *given : {&database, static_cast<Database *>(nullptr)}) {
        const std::string text = explain_choice(task_, given, environment());
        EXPECT_TRUE(
            has(text, "not tuned on this device; without tuning runs " + untuned_candidate(task_)))
            << text;
        EXPECT_TRUE(has(text, "cycles predicted, place ")) << text;
        EXPECT_FALSE(has(text, "side by side")) << text;
    }
}

TEST_F(Explanation, SaysOfTwoConvolutionsWhatItWasTold) {
    const OperatorProblem sum =
        parse_operator_problem("wsum2d:step_" + std::string(kProblem).substr(6));
    for (const auto &[kind, part] :
         {std::pair("composed", "without tuning runs composed\n"),
          std::pair("", "the operators decide: `convwright tune --explain` says it\n")}) {
        std::vector<std::string> left_out;
        const TuningTask task = tuning_tasks({{sum, 1, kind}}, left_out).at(0);
        const std::string text = explain_choice(task, nullptr, environment());
        EXPECT_TRUE(has(text, part)) << text;
        EXPECT_FALSE(has(text, "PyTorch")) << text;
    }
}

TEST_F(Explanation, ShowsAllThatIsRecorded) {
    Database database(path());
    EXPECT_EQ(show_problem(database, kProblem, std::nullopt), "");
    tune(database);
    const std::string text = show_problem(database, kProblem, std::nullopt);
    for (const std::string &part :
         {key_.space, key_.environment.identity, key_.environment.device,
          "choice of 1970-01-01 01:23: " + winner_,
          "    " + winner_ + "\n      1970-01-01 00:00, ok",
          std::string("11 samples, kernel ") + std::string(64, 'a'), neighbour_,
          std::string("winner: 0.1 ms, spread 0.002 ms, cold 0.3 ms"),
          std::string("pytorch: 0.2 ms, spread 0.001 ms\n")})
        EXPECT_TRUE(has(text, part)) << part << "\nis missing in\n" << text;
    EXPECT_EQ(show_problem(database, kProblem, 0), text);
    EXPECT_EQ(show_problem(database, kProblem, kWholeProblem), "");
}

TEST_F(Explanation, ListsCandidatesAndWhyOthersAreNone) {
    const Space space = space_of(task_, {});
    const std::string all = list_candidates(task_.subject, space_of(task_, {}), 0),
                      few = list_candidates(task_.subject, space_of(task_, {}), 3);
    EXPECT_TRUE(has(all, std::to_string(space.legal().size()) + " legal candidates of"));
    for (const Point point : space.legal()) EXPECT_TRUE(has(all, "  " + space.text(point) + "  "));
    EXPECT_TRUE(has(few, "and " + std::to_string(space.legal().size() - 3) + " more"));
    ASSERT_FALSE(space.rejected().empty());
    for (const auto &[reason, count] : space.rejected()) {
        const std::string start =
            "  rejected " + std::to_string(count) + ": " + reason + ", such as ";
        const size_t at = few.find(start);
        ASSERT_NE(at, std::string::npos) << start;
        const size_t first = at + start.size();
        const auto example = space.parse(few.substr(first, few.find('\n', first) - first));
        ASSERT_TRUE(example.has_value());
        EXPECT_STREQ(space.why_illegal(*example), reason.c_str());
    }
}

}  // namespace
}  // namespace convwright
