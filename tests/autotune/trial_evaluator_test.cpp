// SPDX-License-Identifier: Apache-2.0
#include "autotune/trial_evaluator.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "autotune/paired_times.h"
#include "autotune/tuner.h"
#include "runtime/plan.h"
#include "tests/autotune/kernel_tools.h"

namespace convwright {
namespace {

constexpr char kFprop[] = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc";
constexpr char kMade[] = "conv2d.avx2/lane:0,vec:1,tile:5,stage:1";

class TrialEvaluators : public testing::Test {
protected:
    void SetUp() override {
        if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
        trials_.making.tools = test_kernel_tools();
        trials_.making.kernels = folder_.path();
        trials_.worker = {CONVWRIGHT_TUNE_PROGRAM, "worker"};
        trials_.screening = trials_.finals = {1, 0.01, 3, 5, 0, 1e-6};
    }
    TrialEvaluator evaluator() { return TrialEvaluator(parse_problem(kFprop), 0, trials_); }
    /// A script in the place of Python, and what it is given in `folder`/job.
    void answer(const std::string &script) {
        trials_.python = {"sh", "-c", "cat > " + folder_.path() + "/job; " + script};
    }

    TemporaryFolder folder_;
    Trials trials_;
};

void expect_outcome(const Result &result, Outcome outcome, const std::string &part) {
    EXPECT_STREQ(outcome_name(result.outcome), outcome_name(outcome)) << result.reason;
    EXPECT_NE(result.reason.find(part), std::string::npos) << result.reason;
    EXPECT_EQ(why_no_result(result), nullptr);
}

std::string shipped_candidate() {
    const KernelInfo kernel = accepting_kernels(parse_problem(kFprop)).front();
    return std::string("conv2d.") + isa_name(kernel.isa) + "/" + kernel.schedule;
}

TEST_F(TrialEvaluators, TryShippedKernelsAsTheyAre) {
    const Result result = evaluator().evaluate(shipped_candidate());
    EXPECT_GT(result.seconds, 0) << result.reason;
    EXPECT_EQ(result.artifact, "");
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(TrialEvaluators, MakeOthers) {
    const Result result = evaluator().evaluate(kMade);
    EXPECT_GT(result.seconds, 0) << result.reason;
    EXPECT_EQ(result.artifact.size(), 64u);
    EXPECT_FALSE(std::filesystem::is_empty(folder_.path()));
    trials_.made = std::make_shared<MadeKernels>();
    EXPECT_EQ(evaluator().evaluate(kMade).artifact, result.artifact);  // the same to the bit
}

TEST_F(TrialEvaluators, MakeAKernelOnceForAllProblems) {
    const Result result = evaluator().evaluate(kMade);
    trials_.making.tools.generators = "false";
    TrialEvaluator other(parse_problem("fprop_n2ci8ih5iw7co16kh1kw1s1p0_f32_nhwc"), 0, trials_);
    const Result again = other.evaluate(kMade);
    EXPECT_GT(again.seconds, 0) << again.reason;
    EXPECT_EQ(again.artifact, result.artifact);
}

TEST_F(TrialEvaluators, MakeTheNextKernelsOfABatchOnTheOtherCores) {
    constexpr char kNext[] = "conv2d.avx2/lane:0,vec:2,tile:5,stage:1";
    TrialEvaluator evaluator(parse_problem(kFprop), 0, trials_);
    evaluator.prepare({kMade, "pytorch", kMade, kNext, "conv2d.avx2/lane:0,vec:1,tile:6,stage:1"});
    EXPECT_GT(evaluator.evaluate(kMade).seconds, 0);
    const auto files = std::distance(std::filesystem::directory_iterator(folder_.path()), {});
    EXPECT_EQ(files, std::min(std::thread::hardware_concurrency(), 3u));
    EXPECT_GT(evaluator.evaluate(kNext).seconds, 0);
}

TEST_F(TrialEvaluators, SayAFailureToMakeAKernelAheadAtItsOwnTurnAndThenTryAgain) {
    if (std::thread::hardware_concurrency() < 2)
        GTEST_SKIP() << "Nothing is made ahead on one core.";
    constexpr char kNext[] = "conv2d.avx2/lane:0,vec:2,tile:5,stage:1";
    const std::string calls = folder_.path() + "/calls", program = folder_.path() + "/program";
    std::ofstream(program) << "#!/bin/sh\necho x >> " << calls << "\nexit 1\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    trials_.making.tools.generators = program;
    TrialEvaluator evaluator(parse_problem(kFprop), 0, trials_);
    evaluator.prepare({kMade, kNext});
    const auto count = [&] { return std::filesystem::file_size(calls) / 2; };  // lines
    expect_outcome(evaluator.evaluate(kMade), Outcome::kBuildFailed, "ended with status 1");
    EXPECT_EQ(count(), 2u);
    expect_outcome(evaluator.evaluate(kNext), Outcome::kBuildFailed, "ended with status 1");
    EXPECT_EQ(count(), 2u);
    evaluator.prepare({kNext});
    evaluator.evaluate(kNext);
    EXPECT_EQ(count(), 3u);
}

TEST_F(TrialEvaluators, RejectThoseThatSpillBeforeTheyRun) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "Kernels that check their addresses have other loops.";
#endif
    trials_.worker = {"false"};
    expect_outcome(evaluator().evaluate("conv2d.avx2/lane:0,vec:2,tile:10,stage:1"),
                   Outcome::kRejected, "values in memory that should be in registers.");
}

TEST_F(TrialEvaluators, SayWhyACandidateCouldNotBeMade) {
    trials_.making.limits = {0.01, 0, 0};
    expect_outcome(evaluator().evaluate(kMade), Outcome::kBuildTimeout, "the Generator");
    trials_.making.limits = {60, 60, int64_t{4} << 30};
    trials_.making.tools.generators = "false";
    expect_outcome(evaluator().evaluate(kMade), Outcome::kBuildFailed, "ended with status 1");
    // Text of another version, as an old database may have it.
    expect_outcome(evaluator().evaluate("conv2d.avx2/lane:9"), Outcome::kBuildFailed, "lane:9");
}

TEST_F(TrialEvaluators, BlameNoCandidateForAProgramThatDoesNotStart) {
    const std::string linker = trials_.making.tools.linker;
    trials_.making.tools.linker = "/nowhere/linker";
    EXPECT_THROW(evaluator().evaluate(kMade), std::runtime_error);
    trials_.making.tools.linker = linker;
    trials_.python = {"/nowhere/python"};
    EXPECT_THROW(evaluator().evaluate("pytorch"), std::runtime_error);
    trials_.worker = {"/nowhere/worker"};
    EXPECT_THROW(evaluator().evaluate(shipped_candidate()), std::runtime_error);
}

TEST_F(TrialEvaluators, KeepTheHashOfWhatFailedToRun) {
    trials_.worker = {"sh", "-c", "kill -SEGV $$"};
    const Result result = evaluator().evaluate(kMade);
    expect_outcome(result, Outcome::kCrashed, "Segmentation fault");
    EXPECT_EQ(result.artifact.size(), 64u);
}

TEST_F(TrialEvaluators, WithoutPythonThereIsNoPytorch) {
    expect_outcome(evaluator().evaluate("pytorch"), Outcome::kRejected, "There is no Python");
    trials_.finals.flush_bytes = 1 << 20;
    const auto times = evaluator().compare({{"winner", kMade, 9, 9},
                                            {"default", shipped_candidate(), 9, 9},
                                            {"pytorch", "pytorch", 9, 9}});
    ASSERT_EQ(times.size(), 3u);
    EXPECT_GT(times[0].seconds, 0);
    EXPECT_LT(times[0].seconds, 1);
    EXPECT_GT(times[0].cold_seconds, 0);  // finalists are timed cold, too
    EXPECT_GE(times[0].rounds.size(), 3u);
    EXPECT_EQ(times[0].role, "winner");
    EXPECT_EQ(times[0].artifact.size(), 64u);
    EXPECT_EQ(times[1].artifact, "");  // the library has it
    EXPECT_GT(times[1].seconds, 0);
    EXPECT_EQ(times[2].seconds, 0);
}

TEST_F(TrialEvaluators, TakeTimesFromPython) {
    trials_.finals.flush_bytes = 4096;
    answer(
        "echo '{\"pytorch\": {\"seconds\": [0.002, 0.0021, 0.0019], "
        "\"cold_seconds\": [0.004, 0.005, 0.003], \"probe_seconds\": [3e-4, 2e-4, 4e-4]}}'");
    const Result result = evaluator().evaluate("pytorch");
    expect_outcome(result, Outcome::kOk, "");
    EXPECT_EQ(result.seconds, 0.002);
    EXPECT_NEAR(result.spread, 0.00012, 1e-12);
    EXPECT_EQ(result.samples, 3);
    std::ifstream job(folder_.path() + "/job");
    const std::string text{std::istreambuf_iterator<char>(job), {}};
    EXPECT_NE(text.find(kFprop), std::string::npos) << text;
    EXPECT_NE(text.find("\"flush_bytes\":4096"), std::string::npos) << text;
    EXPECT_NE(text.find("\"device\":\"cpu\""), std::string::npos) << text;
    // A made kernel is known to the other process by its hash.
    const auto times = evaluator().compare({{"winner", kMade, 0, 0}, {"pytorch", "pytorch", 0, 0}});
    EXPECT_EQ(times[1].seconds, 0.002);
    EXPECT_EQ(times[1].cold_seconds, 0.004);
    EXPECT_EQ(times[1].probe_seconds, 3e-4);
    // All evaluators know the calmest that one has seen, and so does the next Python process.
    EXPECT_EQ(evaluator().calmest_probe(), 2e-4);
    EXPECT_EQ(times[1].rounds, (std::vector<double>{0.002, 0.0021, 0.0019}));
    EXPECT_EQ(times[0].seconds, 0);  // it was left out
    EXPECT_EQ(times[0].artifact, evaluator().evaluate(kMade).artifact);
    std::ifstream second(folder_.path() + "/job");
    const std::string contest{std::istreambuf_iterator<char>(second), {}};
    EXPECT_NE(contest.find(kMade), std::string::npos) << contest;
    EXPECT_NE(contest.find("\"probe_seconds\":0.0002"), std::string::npos) << contest;
    EXPECT_NE(contest.find(std::string("\"artifact\":\"") + evaluator().evaluate(kMade).artifact),
              std::string::npos)
        << contest;
}

TEST_F(TrialEvaluators, CompareByTheProblemOfTheModel) {
    // All pixels of these images are one row to our kernels, and 9 rows to PyTorch.
    const std::string text = "wgrad_n1ci8ih9iw9co16kh1kw1s1p0_f32_nhwc";
    std::vector<std::string> left_out;
    const TuningTask task = tuning_tasks({{parse_operator_problem(text)}}, left_out).at(0);
    EXPECT_NE(task.subject.problem, text);
    ASSERT_TRUE(task.called);
    answer("echo '{\"pytorch\": {\"seconds\": [0.002]}}'");
    TrialEvaluator evaluator(task.problem, 0, trials_, task.called);
    EXPECT_EQ(evaluator.evaluate("pytorch").seconds, 0.002);
    std::ifstream job(folder_.path() + "/job");
    const std::string given{std::istreambuf_iterator<char>(job), {}};
    EXPECT_NE(given.find(text), std::string::npos) << given;
}

TEST_F(TrialEvaluators, TimeAlgorithmsOfABatchTogether) {
    answer("echo x >> " + folder_.path() + "/calls; echo '{\"unfused\": {\"seconds\": [0.002]}, " +
           "\"fused\": {\"seconds\": [0.001]}}'");
    const std::string text = "wsum2d:step_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc";
    TrialEvaluator evaluator(parse_operator_problem(text), 0, trials_);
    evaluator.prepare({"unfused", "fused", "composed", kMade});
    EXPECT_EQ(evaluator.evaluate("unfused").seconds, 0.002);
    EXPECT_EQ(evaluator.evaluate("fused").seconds, 0.001);
    expect_outcome(evaluator.evaluate("composed"), Outcome::kLaunchFailed,
                   "'composed' could not be timed");
    const std::vector<FinalTime> both = {{"winner", "fused"}, {"default", "unfused"}};
    const auto times = evaluator.compare(both);
    EXPECT_EQ(times[0].seconds, 0.001);
    EXPECT_EQ(times[1].seconds, 0.002);
    EXPECT_EQ(times[1].role, "default");
    EXPECT_EQ(std::filesystem::file_size(folder_.path() + "/calls"), 2u);  // one line
    EXPECT_EQ(evaluator.compare(both)[0].seconds, 0.001);
    EXPECT_EQ(std::filesystem::file_size(folder_.path() + "/calls"), 4u);  // times again
    std::ifstream job(folder_.path() + "/job");
    const std::string asked{std::istreambuf_iterator<char>(job), {}};
    EXPECT_NE(asked.find(text), std::string::npos) << asked;
    EXPECT_EQ(asked.find(kMade), std::string::npos) << asked;
    // A step has no kernels of its own.
    expect_outcome(evaluator.evaluate("weighted_sum.avx2/vec:1"), Outcome::kBuildFailed,
                   "is no candidate of wsum2d:step_");
}

TEST_F(TrialEvaluators, TheTwoPassesOfGradientsAreAWorkersJob) {
    answer("echo x > " + folder_.path() + "/calls; echo '{\"unfused\": {\"seconds\": [0.002]}}'");
    const std::string text = "wsum2d:dgrad_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc";
    TrialEvaluator evaluator(parse_operator_problem(text), 0, trials_);
    evaluator.prepare({"unfused"});
    // Whatever the worker says, as that there is no driver here.
    const Result result = evaluator.evaluate("unfused");
    if (result.outcome != Outcome::kOk && result.outcome != Outcome::kNoisy)
        expect_outcome(result, Outcome::kLaunchFailed, "");
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/calls")) << "Python was asked.";
}

TEST_F(TrialEvaluators, MakeFusedKernels) {
    TrialEvaluator evaluator(
        parse_operator_problem("wsum2d:fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"), 0, trials_);
    const Result result =
        evaluator.evaluate("weighted_sum.avx2/vec:1,tile:4,out_tile:4,taps_x:0,taps_y:0,stride:0");
    EXPECT_GT(result.seconds, 0) << result.reason;
    EXPECT_EQ(result.artifact.size(), 64u);
}

TEST_F(TrialEvaluators, TakeNothingFromAPythonThatFails) {
    for (const char *script :
         {"exit 1", "kill -SEGV $$", "echo nonsense", "echo '[]'", "echo '{\"pytorch\": 3}'",
          "echo '{\"pytorch\": {\"seconds\": \"x\"}}'", "echo '{\"pytorch\": {\"seconds\": 1}}'",
          "echo '{\"pytorch\": {\"seconds\": []}}'", "echo '{\"pytorch\": {\"seconds\": [1, -1]}}'",
          "echo '{\"pytorch\": {\"seconds\": [NaN]}}'",
          "echo '{\"pytorch\": {\"seconds\": [\"x\"]}}'"}) {
        answer(script);
        expect_outcome(evaluator().evaluate("pytorch"), Outcome::kLaunchFailed,
                       "PyTorch could not be timed");
    }
}

TEST_F(TrialEvaluators, CompareByThemselvesWhatAFailingPythonDoesNot) {
    answer("echo No module named convwright._compare >&2; exit 1");
    const auto times =
        evaluator().compare({{"default", shipped_candidate(), 0, 0}, {"pytorch", "pytorch", 0, 0}});
    EXPECT_GT(times[0].seconds, 0);
    EXPECT_EQ(times[1].seconds, 0);
    expect_outcome(evaluator().evaluate("pytorch"), Outcome::kLaunchFailed,
                   "ended with status 1: No module named");
}

TEST_F(TrialEvaluators, SayWhyTheyDoNotCompareSideBySide) {
    const std::string good = "'{\"pytorch\": {\"seconds\": [0.002]}}'";
    // The second comparison of the same evaluator works.
    const std::string once = folder_.path() + "/once";
    answer("[ -e " + once + " ] && echo " + good + " && exit; : > " + once +
           "; echo out of memory. >&2; exit 1");
    TrialEvaluator evaluator(parse_problem(kFprop), 0, trials_);
    const std::vector<FinalTime> both = {{"default", shipped_candidate(), 0, 0},
                                         {"pytorch", "pytorch", 0, 0}};
    evaluator.compare(both);
    EXPECT_TRUE(evaluator.why_compared_otherwise().ends_with(
        "side by side: the Python process ended with status 1: out of memory."))
        << evaluator.why_compared_otherwise();
    EXPECT_EQ(evaluator.compare(both)[1].seconds, 0.002);
    EXPECT_EQ(evaluator.why_compared_otherwise(), "");
    answer("echo []");
    TrialEvaluator other(parse_problem(kFprop), 0, trials_);
    other.compare(both);
    EXPECT_TRUE(other.why_compared_otherwise().ends_with("something else than times."));
}

TEST_F(TrialEvaluators, GiveAComparisonTheTimeThatItsCallsTake) {
    trials_.most_seconds = 0.2;  // of one trial
    answer("sleep 1; echo '{\"pytorch\": {\"seconds\": [0.2]}}'");
    TrialEvaluator evaluator(parse_problem(kFprop), 0, trials_);
    EXPECT_EQ(evaluator.compare({{"pytorch", "pytorch", 0.2, 0}})[0].seconds, 0.2);
    EXPECT_EQ(evaluator.why_compared_otherwise(), "");
}

TEST_F(TrialEvaluators, SeeThroughClocksThatDifferBetweenProcesses) {
    // The second process runs at half the clock rate; what it measures is ahead by 10 % all the same.
    const auto measured = [](const char *time, const char *untuned) {
        const std::string t = time;
        return "echo '{\"outcome\":\"ok\",\"seconds\":" + t +
               ",\"spread\":0,\"samples\":3,\"reason\":\"\",\"untuned_seconds\":" + untuned +
               ",\"cold_seconds\":" + t + ",\"rounds\":[" + t + "," + t + "," + t + "]}'";
    };
    const std::string once = folder_.path() + "/once";
    trials_.worker = {"sh", "-c",
                      "cat > /dev/null; if [ -e " + once + " ]; then " +
                          measured("0.0018", "0.004") + "; else : > " + once + "; " +
                          measured("0.001", "0.002") + "; fi"};
    const auto kernels = accepting_kernels(parse_problem(kFprop));
    const auto text = [](const KernelInfo &kernel) {
        return std::string("conv2d.") + isa_name(kernel.isa) + "/" + kernel.schedule;
    };
    ASSERT_GT(kernels.size(), 1u);
    const auto times = evaluator().compare(
        {{"default", text(kernels.front()), 0, 0}, {"winner", text(kernels.back()), 0, 0}});
    EXPECT_NEAR(times[0].seconds / times[1].seconds, 1 / 0.9, 1e-9);
    EXPECT_NEAR(times[0].cold_seconds / times[1].cold_seconds, 1 / 0.9, 1e-9);
    const Lead lead = lead_of(times[1].rounds, times[0].rounds);
    EXPECT_NEAR(lead.ratio, 1 / 0.9, 1e-9);
}

}  // namespace
}  // namespace convwright
