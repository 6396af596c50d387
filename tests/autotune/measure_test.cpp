// SPDX-License-Identifier: Apache-2.0
#include "autotune/measure.h"

#include <gtest/gtest.h>

#include "autotune/trial_calls.h"
#include "runtime/multipliers/product_words.h"
#include "runtime/plan.h"
#include "tests/autotune/kernel_tools.h"
#include "tests/autotune/refusal.h"

namespace convwright {
namespace {

constexpr char kFprop[] = "fprop_n1ci8ih9iw9co8kh3kw3s1p1_f32_nhwc";

const TimingPlan kShort{1, 0.01, 3, 5, 0, 1e-6};

MeasureJob shipped_job(const std::string &problem, int phase = 0) {
    MeasureJob job;
    job.problem = parse_problem(problem);
    job.phase = phase;
    job.shipped = accepting_kernels(job.problem).back().name;
    job.timing = kShort;
    return job;
}

TEST(MeasureJob, ComesBackFromItsText) {
    MeasureJob job;
    job.problem = parse_problem("dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nhwc");
    job.phase = 3;
    job.dense = false;
    job.timing = {2, 0.25, 7, 9, 1 << 20, 1e-4};
    job.made.generator = "conv2d";
    job.made.symbol = "a_symbol";
    job.made.schedule = "lane:0";
    job.made.problem = "p";
    job.made.phase = 3;
    job.made.format = Format::kNchw;
    job.made.isa = Isa::kAvx512;
    job.made.dtype = DType::kBf16;
    job.made.path = "/a/path.so";
    job.made.sha256 = "hash";
    const MeasureJob back = parse_job(format_job(job));
    EXPECT_EQ(format_job(back), format_job(job));
    EXPECT_EQ(format_problem(back.problem), format_problem(job.problem));
    EXPECT_EQ(back.phase, 3);
    EXPECT_FALSE(back.dense);
    EXPECT_EQ(back.timing.flush_bytes, size_t{1} << 20);
    EXPECT_EQ(back.made.isa, Isa::kAvx512);
    EXPECT_EQ(back.made.dtype, DType::kBf16);
    EXPECT_EQ(back.made.format, Format::kNchw);
    job.product = job.made.product = "mbm_zeros";
    EXPECT_EQ(parse_job(format_job(job)).product, "mbm_zeros");
    EXPECT_EQ(parse_job(format_job(job)).made.product, "mbm_zeros");
    job.shipped = "a kernel";
    EXPECT_EQ(parse_job(format_job(job)).shipped, "a kernel");
}

TEST(MeasureJob, OthersAreRefusedInOneSentence) {
    MeasureJob job;
    job.problem = parse_problem(kFprop);
    const std::string text = format_job(job);
    EXPECT_EQ(refusal(parse_job, text), "");
    expect_refused(
        parse_job,
        {std::string(), std::string("{}"), std::string("[]"), std::string("\xff\x00 garbage", 10),
         text.substr(0, text.size() / 2), replaced(text, "fprop", "nonsense"),
         replaced(text, "\"phase\":0,\"problem\":\"fprop", "\"phase\":1,\"problem\":\"fprop"),
         replaced(text, "\"phase\":0,\"problem\":\"fprop", "\"phase\":-1,\"problem\":\"fprop"),
         replaced(text, "\"threads\":1", "\"threads\":0"),
         replaced(text, "\"threads\":1", "\"threads\":\"x\""),
         replaced(text, "\"least\":5", "\"least\":500"),
         replaced(text, "\"seconds\":0.1", "\"seconds\":-1"),
         replaced(text, "\"format\":\"nhwc\"", "\"format\":\"hcwn\""),
         replaced(text, "\"dtype\":\"f32\"", "\"dtype\":\"f8\""),
         replaced(text, "\"isa\":\"none\"", "\"isa\":\"sse\"")});
}

TEST(Measured, ComesBackFromItsText) {
    Measured measured;
    measured.result = {Outcome::kNoisy, 1.5e-3, 1e-4, 7, "It \xff is noisy.", ""};
    measured.untuned_seconds = 2e-3;
    measured.cold_seconds = 3e-3;
    measured.rounds = {1.4e-3, 1.6e-3};
    const Measured back = parse_measured(format_measured(measured));
    EXPECT_EQ(back.result.outcome, Outcome::kNoisy);
    EXPECT_EQ(back.result.seconds, 1.5e-3);
    EXPECT_EQ(back.result.spread, 1e-4);
    EXPECT_EQ(back.result.samples, 7);
    EXPECT_NE(back.result.reason.find("is noisy."), std::string::npos);
    EXPECT_EQ(back.untuned_seconds, 2e-3);
    EXPECT_EQ(back.cold_seconds, 3e-3);
    EXPECT_EQ(back.rounds, measured.rounds);
}

class MeasureHere : public testing::Test {
protected:
    void SetUp() override {
        if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    }
};

TEST_F(MeasureHere, LeavesOutSizesWithoutThePass) {
    const CallMaker maker = maker_of(shipped_job("dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nhwc", 2));
    EXPECT_TRUE(maker(parse_problem("dgrad_n1ci9ih2iw2co5kh3kw3s2p1_f32_nhwc")));
    EXPECT_FALSE(maker(parse_problem("dgrad_n1ci9ih1iw1co5kh3kw3s2p1_f32_nhwc")));
}

TEST_F(MeasureHere, TimesShippedKernelsOfEveryDirection) {
    for (const auto &[problem, phase] : std::vector<std::pair<const char *, int>>{
             {kFprop, 0},
             {"dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nhwc", 2},
             {"wgrad_n1ci8ih9iw9co8kh3kw3s1p1_f32_nchw", 0}}) {
        const Measured measured = measure_here(shipped_job(problem, phase));
        const Result &result = measured.result;
        EXPECT_TRUE(result.outcome == Outcome::kOk || result.outcome == Outcome::kNoisy)
            << problem << ": " << outcome_name(result.outcome) << " " << result.reason;
        EXPECT_EQ(why_no_result(result), nullptr);
        EXPECT_GT(result.seconds, 0);
        EXPECT_GE(result.samples, 3);
        EXPECT_GT(measured.untuned_seconds, 0);
    }
}

TEST_F(MeasureHere, TimesKernelsOfEveryProduct) {
    for (const std::string &product : product_names()) {
        for (const auto &[problem, phase] : std::vector<std::pair<const char *, int>>{
                 {kFprop, 0},
                 {"dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nchw", 2},
                 {"wgrad_n1ci8ih9iw9co8kh3kw3s1p1_f32_nchw", 0}}) {
            MeasureJob job;
            job.problem = parse_problem(problem);
            job.product = product;
            job.phase = phase;
            job.timing = kShort;
            for (const ProductKernel &kernel : product_kernels())
                if (kernel.product == product && kernel.isa <= host_isa())
                    job.shipped = kernel.name;
            const Measured measured = measure_here(job);
            EXPECT_TRUE(measured.result.outcome == Outcome::kOk ||
                        measured.result.outcome == Outcome::kNoisy)
                << job.shipped << ", " << problem << ": " << measured.result.reason;
            EXPECT_GT(measured.untuned_seconds, 0);
        }
    }
}

TEST_F(MeasureHere, TimesWithColdCachesWhatAsksForIt) {
    MeasureJob job = shipped_job(kFprop);
    EXPECT_EQ(measure_here(job).cold_seconds, 0);
    job.timing.flush_bytes = 1 << 20;
    const Measured measured = measure_here(job);
    EXPECT_GT(measured.cold_seconds, 0) << measured.result.reason;
    EXPECT_LT(measured.cold_seconds, 1);
    EXPECT_EQ(static_cast<int>(measured.rounds.size()), measured.result.samples);
}

TEST_F(MeasureHere, AKernelThatIsNotThereFailsWithAReason) {
    MeasureJob job = shipped_job(kFprop);
    job.shipped.clear();
    job.made.generator = "conv2d";
    job.made.isa = Isa::kAvx2;
    job.made.path = "/nowhere/kernel.so";
    const Result result = measure_here(job).result;
    EXPECT_EQ(result.outcome, Outcome::kLaunchFailed);
    EXPECT_EQ(result.seconds, 0);
    EXPECT_NE(result.reason.find("/nowhere/"), std::string::npos) << result.reason;
    EXPECT_EQ(result.reason.back(), '.');
}

TEST_F(MeasureHere, AKernelThatDoesNotTakeTheProblemFailsWithAReason) {
    MeasureJob job = shipped_job(kFprop);
    job.shipped =
        accepting_kernels(parse_problem("fprop_n1ci8ih9iw9co8kh3kw3s1p1_f32_nchw")).front().name;
    const Result result = measure_here(job).result;
    EXPECT_NE(result.outcome, Outcome::kOk);
    EXPECT_FALSE(result.reason.empty());
    EXPECT_EQ(result.seconds, 0);
}

Result shell(const std::string &script, const ProcessLimits &limits = {10, 0, 0}) {
    MeasureJob job;
    job.problem = parse_problem(kFprop);
    return measure_apart({"sh", "-c", script}, job, limits).result;
}

void expect_failure(const Result &result, Outcome outcome, const std::string &part) {
    EXPECT_STREQ(outcome_name(result.outcome), outcome_name(outcome)) << result.reason;
    EXPECT_NE(result.reason.find(part), std::string::npos) << result.reason;
    EXPECT_EQ(why_no_result(result), nullptr);
}

TEST(MeasureApart, EveryEndOfTheProcessIsAnOutcome) {
    expect_failure(shell("kill -SEGV $$"), Outcome::kCrashed,
                   "was killed by signal 11 (Segmentation fault).");
    expect_failure(shell("sleep 30", {0.2, 0, 0}), Outcome::kRunTimeout, "The process that");
    expect_failure(shell("while :; do :; done", {20, 1, 0}), Outcome::kRunTimeout,
                   "The process that");
    expect_failure(shell("cat > /dev/null; echo too bad >&2; exit 1"), Outcome::kCrashed,
                   "ended with status 1: too bad");
}

TEST(MeasureApart, NoCandidateIsToBlameForAProcessThatDoesNotStart) {
    try {
        measure_apart({"convwright-no-such-program"}, {}, {10, 0, 0});
        FAIL() << "nothing was thrown";
    } catch (const std::runtime_error &error) {
        EXPECT_STREQ(error.what(),
                     "A process for measuring could not be started: No such file or directory; "
                     "what was measured is kept, and the same command goes on from there.");
    }
}

TEST(MeasuringLimits, GrowWithThreadsAndTensorsAndLeaveGpusTheirAddresses) {
    MeasureJob job;
    job.problem = parse_problem(kFprop);
    const ProcessLimits one = measuring_limits(job, 10.5);
    EXPECT_EQ(one.wall_seconds, 10.5);
    EXPECT_EQ(one.cpu_seconds, 11);
    job.timing.threads = 4;
    EXPECT_EQ(measuring_limits(job, 10.5).cpu_seconds, 42);
    job.problem.n *= 100'000;
    const ProcessLimits large = measuring_limits(job, 10.5);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_GE(one.memory_bytes, int64_t{4} << 30);
    EXPECT_GT(large.memory_bytes, 2 * one.memory_bytes);
#endif
    job.made_cuda.emplace();
    EXPECT_EQ(measuring_limits(job, 10.5).memory_bytes, 0);
}

TEST(MeasureApart, GarbageIsNoResult) {
    for (const char *script :
         {"true", "echo nonsense", "echo '{}'", "echo '[1]'", "head -c 1000 /dev/urandom",
          // Every member is there, and the numbers cannot be.
          "echo '{\"outcome\":\"ok\",\"seconds\":-1,\"spread\":0,\"samples\":1,\"reason\":\"\","
          "\"untuned_seconds\":0,\"cold_seconds\":0,\"rounds\":[]}'",
          "echo '{\"outcome\":\"fine\",\"seconds\":1,\"spread\":0,\"samples\":1,\"reason\":\"\","
          "\"untuned_seconds\":0,\"cold_seconds\":0,\"rounds\":[]}'",
          "echo '{\"outcome\":\"ok\",\"seconds\":1,\"spread\":0,\"samples\":1,\"reason\":\"\","
          "\"untuned_seconds\":0,\"cold_seconds\":-1,\"rounds\":[]}'",
          "echo '{\"outcome\":\"ok\",\"seconds\":1,\"spread\":0,\"samples\":1,\"reason\":\"\","
          "\"untuned_seconds\":0,\"cold_seconds\":0,\"rounds\":[1,0]}'"}) {
        const Result result = shell(script);
        expect_failure(result, Outcome::kCrashed, "This is no result of the measuring process");
        EXPECT_EQ(result.reason.back(), '.') << result.reason;
        EXPECT_EQ(result.reason.find('\n'), std::string::npos) << result.reason;
    }
}

TEST(MeasureApart, TheProgramIsSuchAWorker) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    const std::vector<std::string> worker = {CONVWRIGHT_TUNE_PROGRAM, "worker"};
    const Measured measured = measure_apart(worker, shipped_job(kFprop), {60, 0, 0});
    EXPECT_GT(measured.result.seconds, 0) << measured.result.reason;
    // What is no job is a wrong use of the program.
    const ProcessResult wrong = run_process(worker, {60, 0, 0}, "nonsense");
    EXPECT_EQ(wrong.status, 2);
    EXPECT_NE(wrong.complaint.find("This is no job"), std::string::npos) << wrong.complaint;
}

}  // namespace
}  // namespace convwright
