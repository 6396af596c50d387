// SPDX-License-Identifier: Apache-2.0
// Trials of candidates for GPUs: what is made, and what is measured, by the emulated driver.
#include <HalideRuntime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "autotune/cold_caches.h"
#include "autotune/compile_cuda_kernel.h"
#include "autotune/cuda_spaces.h"
#include "autotune/cuda_tasks.h"
#include "autotune/gpu_device.h"
#include "autotune/jobs/measure_jobs.h"
#include "autotune/make_candidate.h"
#include "autotune/program_files.h"
#include "autotune/trial_calls.h"
#include "autotune/tuner.h"
#include "autotune/verify/why_wrong.h"
#include "runtime/buffers.h"
#include "runtime/cuda/conv_plan.h"
#include "runtime/sha256.h"
#include "runtime/tuned_choices.h"
#include "tests/autotune/cuda_kernel_tools.h"
#include "tests/autotune/refusal.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/emulated_kernels.h"
#include "tests/temporary_folder.h"

namespace convwright {
namespace {

constexpr char kFprop[] = "fprop_n1ci8ih5iw5co16kh3kw3s1p1_f32_nhwc";
constexpr char kDgrad[] = "dgrad_n1ci8ih6iw6co8kh3kw3s2p1_f32_nhwc";
constexpr char kWgrad[] = "wgrad_n1ci8ih5iw5co8kh3kw3s1p1_f32_nchw";
// Of short floats on tensor cores, with vectors of channels and without.
constexpr char kFpropBf16[] = "fprop_n1ci8ih5iw5co16kh3kw3s1p1_bf16_nhwc_bias";
constexpr char kDgradF16[] = "dgrad_n1ci8ih6iw6co8kh3kw3s2p1_f16_nhwc";
constexpr char kWgradBf16[] = "wgrad_n1ci3ih5iw5co8kh3kw3s1p1_bf16_nhwc";
// By products: of operands without zeros, of any, of gradients, and by a table.
constexpr char kFpropMbm[] = "fprop_n1ci8ih5iw5co16kh3kw3s1p1_f32_nhwc_bias_mbm";
constexpr char kDgradBits[] = "dgrad_n1ci8ih6iw6co8kh3kw3s2p1_f32_nhwc_log_bits";
constexpr char kWgradZeros[] = "wgrad_n2ci3ih5iw5co8kh3kw3s1p1_f32_nhwc_mbm_zeros";
constexpr char kFpropTable[] = "fprop_n1ci3ih5iw5co8kh3kw3s1p1_f32_nchw_mantissa_table";
// Of bytes: by several dot products, by one of naturals with taps gathered, and by tables.
constexpr char kDots[] = "fprop_n1ci20ih5iw5co16kh3kw3s1p1_f32_nhwc_dot_s8x3";
constexpr char kNaturals[] = "fprop_n2ci3ih7iw6co6kh3kw3s2p1_f32_nhwc_dot_u8";
constexpr char kTable16[] = "fprop_n1ci18ih5iw5co8kh3kw3s1p1g2_f32_nchw_table16";
constexpr char kTable32[] = "fprop_n2ci5ih4iw5co7kh1kw1s1p0_f32_nhwc_table32";
constexpr char kSum[] = "wsum2d:fprop_n1ci8ih5iw5co12kh3kw3s1p1_f32_nhwc_bias";
constexpr char kGradients[] = "wsum2d:dgrad_n1ci8ih5iw5co12kh3kw3s1p1_f32_nhwc";
constexpr int kArchitecture = 80;  // of the emulated GPU

const TimingPlan kShort{1, 0, 1, 1, 0, 1e-9};

class GpuTrials : public testing::Test {
protected:
    /// A job of the library's own choice for a pass.
    static MeasureJob untuned_job(const char *text, int phase) {
        const OperatorProblem problem = parse_operator_problem(text);
        const std::string candidate =
            untuned_cuda_candidate({{text, phase}, problem, 0, "fused"}, cuda::emulated_device());
        auto job = job_of(problem, phase, candidate);
        if (const auto *why = std::get_if<Result>(&job)) throw std::runtime_error(why->reason);
        std::get<MeasureJob>(job).timing = kShort;
        return std::get<MeasureJob>(job);
    }

    cuda::UseEmulatedDriver driver_;
};

void expect_outcome(const Result &result, Outcome outcome, const std::string &part) {
    EXPECT_STREQ(outcome_name(result.outcome), outcome_name(outcome)) << result.reason;
    EXPECT_NE(result.reason.find(part), std::string::npos) << result.reason;
    EXPECT_EQ(why_no_result(result), nullptr);
}

TEST_F(GpuTrials, VerifyAndTimeShippedKernels) {
    for (const auto &[problem, phase] : std::vector<std::pair<const char *, int>>{{kFprop, 0},
                                                                                  {kDgrad, 3},
                                                                                  {kWgrad, 0},
                                                                                  {kSum, 0},
                                                                                  {kGradients, 0},
                                                                                  {kFpropBf16, 0},
                                                                                  {kDgradF16, 3},
                                                                                  {kWgradBf16, 0},
                                                                                  {kFpropMbm, 0},
                                                                                  {kDgradBits, 3},
                                                                                  {kWgradZeros, 0},
                                                                                  {kFpropTable, 0},
                                                                                  {kDots, 0},
                                                                                  {kNaturals, 0},
                                                                                  {kTable16, 0},
                                                                                  {kTable32, 0}}) {
        const MeasureJob job = untuned_job(problem, phase);
        EXPECT_FALSE(job.shipped.empty());
        // As the worker has it.
        const Measured measured = measure_here(parse_job(format_job(job)));
        EXPECT_GT(measured.result.seconds, 0) << problem << ": " << measured.result.reason;
        EXPECT_GT(measured.untuned_seconds, 0);
    }
    EXPECT_GT(driver_->calls["cuCtxSynchronize"], 0);
    EXPECT_EQ(driver_->calls["cuMemAlloc_v2"], driver_->calls["cuMemFree_v2"]);
    for (const cuda::EmulatedLaunch &launch : driver_->launches)
        EXPECT_EQ(launch.kernel.find("operand_range"), std::string::npos)
            << "The operands chose a form of the product.";
}

// Of two products whose kernels have the same arguments.
TEST_F(GpuTrials, AKernelOfAnotherProductIsAWrongAnswer) {
    const std::string ax_fpm = replaced(kFpropTable, "mantissa_table", "ax_fpm_bits");
    const std::vector<std::pair<std::string, std::string>> pairs = {
        {ax_fpm, replaced(ax_fpm, "ax_fpm_bits", "rounded")},
        {replaced(kDots, "dot_s8x3", "dot_s8"), replaced(kDots, "dot_s8x3", "dot_u8")}};
    for (const auto &[text, other_text] : pairs) {
        const MeasureJob job = untuned_job(text.c_str(), 0),
                         other = untuned_job(other_text.c_str(), 0);
        ASSERT_EQ(job.made_cuda->schedule, other.made_cuda->schedule);
        auto &run = cuda::emulated_kernels().at(job.shipped + "_0");
        const auto before = run;
        run = cuda::emulated_kernels().at(other.shipped + "_0");
        const Result result = measure_here(job).result;
        run = before;
        expect_outcome(result, Outcome::kWrongAnswer, "by the definition (fprop_");
        expect_outcome(result, Outcome::kWrongAnswer, parse_operator_problem(text).product + ").");
    }
}

/// The entry that the faulty one below calls before.
KernelEntry good = nullptr;

TEST_F(GpuTrials, OneWrongBitOfASumOfBytesIsAWrongAnswer) {
    for (const char *text : {kDots, kTable16, kTable32}) {
        const MeasureJob job = untuned_job(text, 0);
        const KernelCall untuned = untuned_gpu_call(job);
        cuda::ByteKernel kernel = *untuned.gpu->bytes.kernel;
        const CallMaker maker = gpu_maker_of(job);
        const auto why = [&] {
            return why_wrong(
                [&](const ConvProblem &p) {
                    std::optional<KernelCall> call = maker(p);
                    if (call) call->gpu->bytes.kernel = &kernel;
                    return call;
                },
                job.problem, untuned);
        };
        EXPECT_EQ(why(), "");
        good = kernel.call;
        kernel.call = [](void **arguments) {
            const int status = good(arguments);
            const auto *output = static_cast<halide_buffer_t *>(arguments[37]);
            reinterpret_cast<uint32_t *>(output->device)[0] ^= 1;
            return status;
        };
        EXPECT_NE(why().find("Result 0 of"), std::string::npos) << why();
    }
}

TEST_F(GpuTrials, AKernelThatComputesNothingIsAWrongAnswer) {
    for (const char *problem : {kFprop, kSum, kGradients, kFpropBf16, kWgradBf16, kFpropMbm,
                                kWgradZeros, kDots, kTable16}) {
        const MeasureJob job = untuned_job(problem, 0);
        const std::string kernel = job.shipped + "_0";
        const auto run = cuda::emulated_kernels().at(kernel);
        cuda::emulated_kernels()[kernel] = [](const emulator::Launch &, void *const *) {
            return emulator::Outcome{};
        };
        const Result result = measure_here(job).result;
        cuda::emulated_kernels()[kernel] = run;
        expect_outcome(result, Outcome::kWrongAnswer, "by the definition");
    }
}

/// Of the gradients of a weighted sum.
class GradientTrials : public GpuTrials {
protected:
    /// A trial of the two passes.
    static MeasureJob unfused_job(const std::string &text) {
        auto job = std::get<MeasureJob>(job_of(parse_operator_problem(text), 0, "unfused"));
        job.timing = kShort;
        return job;
    }
    /// What is wrong with the library's own choice where its entry is `call`.
    static std::string why(KernelEntry call) {
        const ConvProblem problem = parse_operator_problem(kGradients).sizes;
        const cuda::Device &gpu = cuda::emulated_device();
        const auto trusted = cuda::weighted_sum_grad_plan(problem, gpu, {}, true, false);
        cuda::WeightedSumGradKernel kernel = *trusted.kernel;
        good = kernel.call, kernel.call = call;
        const auto call_by = [](const ConvProblem &p, const cuda::WeightedSumGradPlan &plan) {
            GpuPlans plans;
            plans.gradients = plan;
            return KernelCall{p, {}, {}, {}, plans};
        };
        return why_wrong(
            [&](const ConvProblem &p) -> std::optional<KernelCall> {
                const auto plan = cuda::weighted_sum_grad_plan_with(kernel, p, gpu, {});
                if (plan.kernel == nullptr) return std::nullopt;
                return call_by(p, plan);
            },
            problem, call_by(problem, trusted));
    }

    bool launched(const char *part) const {
        return std::ranges::any_of(driver_->launches, [&](const cuda::EmulatedLaunch &launch) {
            return launch.kernel.find(part) != std::string::npos;
        });
    }

    // Of run_weighted_sum_grad().
    static constexpr size_t kKept = 9, kGradZ = 16, kGradInput = 17;
    static inline KernelEntry good = nullptr;
};

TEST_F(GradientTrials, OfTheTwoPassesAreVerifiedAndTimedToo) {
    for (const std::string &text : {std::string(kGradients), replaced(kGradients, "s1", "s2")}) {
        const MeasureJob job = unfused_job(text);
        EXPECT_TRUE(job.on_gpu());
        EXPECT_EQ(job.artifact(), "");
        driver_->launches.clear();
        const Measured measured = measure_here(parse_job(format_job(job)));
        EXPECT_GT(measured.result.seconds, 0) << text << ": " << measured.result.reason;
        EXPECT_FALSE(launched("weighted_sum_grad_"));
        EXPECT_TRUE(launched("conv2d_"));
    }
    // A fused kernel is timed beside them.
    driver_->launches.clear();
    EXPECT_GT(measure_here(untuned_job(kGradients, 0)).untuned_seconds, 0);
    EXPECT_TRUE(launched("weighted_sum_grad_"));
    EXPECT_TRUE(launched("conv2d_"));
    // Where no kernel of the library fuses them the two passes are what candidates stand beside.
    const std::string wide = replaced(kGradients, "co12", "co68");
    EXPECT_EQ(untuned_job(wide.c_str(), 0).shipped, "unfused");
    EXPECT_GT(measure_here(unfused_job(wide)).result.seconds, 0);
}

TEST_F(GradientTrials, FindEachOfTheTwoResultsWrong) {
    EXPECT_EQ(why([](void **arguments) { return good(arguments); }), "");
    const std::string no_z = why([](void **arguments) {
        int32_t none = 0;
        arguments[kKept] = &none;
        return good(arguments);
    });
    EXPECT_NE(no_z.find("as by the definition (wsum2d:dgrad_"), std::string::npos) << no_z;
    const std::string no_input = why([](void **arguments) {
        // z alone: all else goes to where it is written.
        auto *const to = static_cast<halide_buffer_t *>(arguments[kGradInput]);
        const uint64_t place = to->device;
        to->device = static_cast<halide_buffer_t *>(arguments[kGradZ])->device;
        const int status = good(arguments);
        to->device = place;
        return status;
    });
    EXPECT_NE(no_input.find("Result 0 of"), std::string::npos) << no_input;
}

TEST_F(GradientTrials, CallKernelsForTheGradientOfTheInputAlone) {
    const std::string text = why([](void **arguments) {
        const bool z = *static_cast<int32_t *>(arguments[kKept]) > 0;
        return z ? good(arguments) : 0;
    });
    EXPECT_NE(text.find("as by the definition (wsum2d:dgrad_"), std::string::npos) << text;
}

/// A worker process that says of the two passes that they take half as long as a fused kernel.
std::vector<std::string> worker_for_whom_passes_are_faster(const TemporaryFolder &folder) {
    const auto answer = [](double seconds) {
        Measured measured;
        measured.result.seconds = seconds, measured.result.samples = 11;
        measured.untuned_seconds = 0.001;
        measured.rounds.assign(11, seconds);
        return "echo '" + format_measured(measured) + "'";
    };
    const std::string script = folder.path() + "/worker";
    std::ofstream(script) << "case $(cat) in\n*'\"shipped\":\"unfused\"'*) " << answer(0.001)
                          << ";;\n*) " << answer(0.002) << ";;\nesac\n";
    return {"/bin/sh", script};
}

TEST_F(GradientTrials, EndInTheChoiceOfTheTwoPassesWhereTheyAreFaster) {
    const TemporaryFolder folder;
    const OperatorProblem problem = parse_operator_problem(kGradients);
    const std::string name = folder.path() + "/db.sqlite";
    setenv("CONVWRIGHT_DB", name.c_str(), 1);
    TunerOptions options;
    options.trials = 2, options.versions = "v";
    options.trial_setup.gpu = 0;
    // What the library does not have cannot be made.
    options.trial_setup.making = {{}, folder.path(), kArchitecture};
    options.trial_setup.making.tools.cuda_weighted_sum_generators = "false";
    options.trial_setup.worker = worker_for_whom_passes_are_faster(folder);
    std::vector<std::string> left_out;
    const auto tasks = cuda_tuning_tasks({{problem}}, cuda::emulated_device(), left_out);
    Choice choice;
    {
        Database database(name);
        EXPECT_EQ(tune(tasks, database, options,
                       [&](const TunerEvent &event) {
                           if (event.kind == TunerEvent::Kind::kChoice) choice = event.choice;
                       }),
                  1u);
    }
    EXPECT_EQ(choice.candidate, "unfused") << choice.reason;
    EXPECT_EQ(choice.finals.front().role, "default");
    EXPECT_EQ(choice.finals.front().candidate.rfind("weighted_sum_grad.cuda/", 0), 0u);
    // Operators on this GPU run them from now on.
    const auto plan = [&] {
        reload_tuned_choices();
        return cuda::weighted_sum_grad_plan(problem.sizes, cuda::emulated_device(), {}, true,
                                            false);
    };
    EXPECT_EQ(plan().reason, "tuning found the two passes to be faster");
    unsetenv("CONVWRIGHT_DB");
    EXPECT_NE(plan().kernel, nullptr);
}

TEST_F(GradientTrials, OfTheTwoPassesAreMeasuredByWorkersWithoutAPython) {
    const TemporaryFolder folder;
    const JobFolder jobs(folder.path() + "/jobs", true);
    Job job;
    job.target.architecture = kArchitecture;
    job.subject = {kGradients, 0};
    job.space = cuda_space(parse_operator_problem(kGradients), 0, cuda::emulated_device()).hash();
    job.candidate = "unfused", job.versions = library_versions();
    ASSERT_TRUE(jobs.add(JobStage::kMeasure, job.name(), format_job_file(job)));
    Trials trials;
    trials.worker = worker_for_whom_passes_are_faster(folder);
    const WorkDone work = measure_jobs(jobs, trials, 0, "", kLeaseSeconds,
                                       [](const std::string &why) { ADD_FAILURE() << why; });
    EXPECT_EQ(work.done, 1);
    std::string result;
    EXPECT_EQ(jobs.read(JobStage::kResult, job.name(), result), "");
    EXPECT_NE(result.find("\"candidate\":\"unfused\""), std::string::npos) << result;
    EXPECT_NE(result.find("\"outcome\":\"ok\""), std::string::npos) << result;
}

TEST_F(GpuTrials, EmptyTheCacheBeforeWhatIsTimedCold) {
    MeasureJob job = untuned_job(kFprop, 0);
    EXPECT_EQ(measure_here(job).cold_seconds, 0);
    EXPECT_EQ(driver_->calls["cuMemsetD8_v2"], 0);
    job.timing.flush_bytes = 1 << 16;
    job.timing.least = job.timing.most = 2;
    EXPECT_GT(measure_here(job).cold_seconds, 0);
    EXPECT_EQ(driver_->calls["cuMemsetD8_v2"], 3 * 2);  // in each round, of candidate and untuned
    EXPECT_EQ(driver_->calls["cuMemAlloc_v2"], driver_->calls["cuMemFree_v2"]);
    driver_->fails["cuMemsetD8_v2"] = 1;
    expect_outcome(measure_here(job).result, Outcome::kLaunchFailed, "cache cannot be emptied");
}

TEST_F(GpuTrials, WhatTheDriverRefusesIsALaunchThatFailed) {
    const MeasureJob job = untuned_job(kFprop, 0);
    driver_->fails["cuMemAlloc_v2"] = 2;
    expect_outcome(measure_here(job).result, Outcome::kLaunchFailed, "do not fit the GPU");
    driver_->fails = {{"cuDevicePrimaryCtxRetain", 2}};
    expect_outcome(measure_here(job).result, Outcome::kLaunchFailed, "GPU 0 cannot be used");
    driver_->fails = {{"cuCtxSynchronize", 700}};
    expect_outcome(measure_here(job).result, Outcome::kWrongAnswer, "failed while it ran");
}

TEST_F(GpuTrials, TheEnvironmentIsTheDrivers) {
    const Environment e = gpu_environment(gpu_facts(0), "v");
    EXPECT_EQ(e.identity, "gpu/Emulated GPU/sms=4");
    EXPECT_NE(e.device.find("driver=13000"), std::string::npos) << e.device;
    EXPECT_EQ(count_gpus(), 1);
    EXPECT_THROW(gpu_facts(1), std::runtime_error);
}

/// Tuning of an emulated GPU, with a script in the place of Python. What is compared runs through the operators.
class GpuComparisons : public GpuTrials {
protected:
    GpuComparisons() {
        move_to_gpu(trials_, 0);
        trials_.python = {"sh", "-c",
                          "cat > " + folder_.path() + "/job; echo '{\"pytorch\": " +
                              rounds("0.001") + ", \"passes\": " + rounds("0.004") + "}'"};
    }
    /// As many as a comparison needs to be certain.
    static std::string rounds(const std::string &seconds) {
        std::string list;
        for (int i = 0; i < 11; i++) list += (i == 0 ? "" : ", ") + seconds;
        return "{\"seconds\": [" + list + "]}";
    }
    std::string job() const {
        std::ifstream file(folder_.path() + "/job");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    TemporaryFolder folder_;
    Trials trials_;
};

TEST_F(GpuComparisons, NameTheDeviceAndFlushItsCache) {
    TrialEvaluator evaluator(parse_problem(kFprop), 0, trials_);
    const Result result = evaluator.evaluate(kPytorchKind);
    EXPECT_EQ(result.seconds, 0.001) << result.reason;
    EXPECT_NE(job().find("\"device\":\"cuda:0\""), std::string::npos) << job();
    const std::string bytes = std::to_string(gpu_flush_bytes(gpu_facts(0).l2_bytes));
    EXPECT_NE(job().find("\"flush_bytes\":" + bytes + ","), std::string::npos) << job();
    EXPECT_EQ(evaluator.calmest_probe(), 0);  // the probe is of CPUs
    EXPECT_THROW(move_to_gpu(trials_, 1), std::runtime_error);
}

TEST_F(GpuComparisons, ChooseForTheGpuOfAllPassesTogether) {
    std::vector<std::string> left_out;
    std::vector<TuningTask> tasks =
        cuda_tuning_tasks({{parse_problem(kDgrad)}}, cuda::emulated_device(), left_out);
    ASSERT_EQ(tasks.back().subject.phase, kWholeProblem);
    tasks.erase(tasks.begin(), tasks.end() - 1);
    Database database(folder_.path() + "/tuning.db");
    TunerOptions options;
    options.trial_setup = trials_;
    std::vector<std::string> candidates;
    const size_t chosen = tune(tasks, database, options, [&](const TunerEvent &event) {
        if (event.kind == TunerEvent::Kind::kResult) candidates.push_back(event.candidate);
    });
    EXPECT_EQ(chosen, 1u);
    EXPECT_EQ(candidates, (std::vector<std::string>{kPytorchKind, "passes"}));
    const std::vector<Choice> choices = database.choices();
    ASSERT_EQ(choices.size(), 1u);
    EXPECT_EQ(choices[0].candidate, kPytorchKind);
    EXPECT_EQ(choices[0].key.environment.identity, "gpu/Emulated GPU/sms=4");
    EXPECT_NE(job().find(kDgrad), std::string::npos) << job();
}

/// Kernels that are made here and run under the emulator, which has the text of a shipped one.
class MadeGpuKernels : public GpuTrials {
protected:
    void SetUp() override {
        tools_ = test_cuda_kernel_tools();
        if (tools_.nvrtc.empty()) GTEST_SKIP() << "There is no NVRTC.";
    }
    Making making() const { return {tools_, folder_.path(), kArchitecture}; }
    /// Makes the kernel of a job; `text` is the kernel whose text the emulator has of it.
    MeasureJob made(MeasureJob job, const std::string &text) {
        cuda::emulated_kernels()[job.made_cuda->symbol + "_0"] =
            cuda::emulated_kernels().at(text + "_0");
        job.shipped.clear();
        if (const auto why = make_kernel(job, making())) throw std::runtime_error(why->reason);
        return job;
    }
    /// The job of the library's own choice, with its kernel made anew.
    MeasureJob made_job(const char *text) {
        const MeasureJob job = untuned_job(text, 0);
        return made(job, job.shipped);
    }

    KernelTools tools_;
    TemporaryFolder folder_;
};

TEST_F(MadeGpuKernels, AreVerifiedAndTimedAsShippedOnes) {
    for (const char *problem : {kFprop, kWgrad, kSum, kGradients, kFpropBf16, kWgradBf16}) {
        const MeasureJob job = made_job(problem);
        EXPECT_EQ(job.artifact(), job.made_cuda->sha256 + job.made_cuda->images_sha256);
        const Measured measured = measure_here(parse_job(format_job(job)));
        EXPECT_GT(measured.result.seconds, 0) << measured.result.reason;
        EXPECT_EQ(driver_->launches.back().device, 0);
    }
}

/// With the schedules of the table of candidates in tests/runtime/cuda/CMakeLists.txt.
TEST_F(MadeGpuKernels, ThatTheLibraryHasNotAreExact) {
    const struct {
        const char *problem;
        int phase;
        std::string kind, schedule, text;
    } made_ones[] = {
        {kFpropBf16, 0, "conv2d.cuda", "co:32,px:32,co_t:32,px_t:16,chunk:16,stages:2,mma:2",
         "conv2d_gemm_nhwc_bf16_cuda_co_32_px_32_co_t_32_px_t_16_chunk_16_stages_2_mma_2"},
        {"wgrad_n1ci8ih5iw5co16kh3kw3s1p1_f16_nhwc", 0, "conv2d_wgrad.cuda",
         "co:32,e:32,co_t:32,e_t:16,chunk:16,vec:8,async:1,stages:2,mma:2",
         "conv2d_wgrad_gemm_nhwc_f16_cuda_co_32_e_32_co_t_32_e_t_16_chunk_16_vec_8_async_1_stages_"
         "2_mma_2"},
        // Outputs of vectors that are stored one by one.
        {"fprop_n1ci8ih5iw5co14kh3kw3s1p1_f32_nhwc_bias_mbm", 0, "approx_gemm_nhwc.cuda",
         "co:32,px:32,chunk:8,vec:4,stages:2,apart:1",
         "approx_gemm_mbm_nhwc_cuda_co_32_px_32_chunk_8_vec_4_stages_2_apart_1"},
        {"dgrad_n2ci8ih6iw6co8kh3kw3s2p1_f32_nhwc_mantissa_table", 3, "approx_gemm_nhwc.cuda",
         "px:32,co_t:8,vec:4,linear:1,stages:4",
         "approx_gemm_mantissa_table_nhwc_cuda_px_32_co_t_8_vec_4_linear_1_stages_4"},
        // Of the other format than its problem.
        {"wgrad_n3ci5ih6iw7co9kh3kw3s1p1_f32_nchw_mitchell_zeros", 0, "approx_gemm_nhwc.cuda",
         "co:32,px:16,px_t:4,chunk:8",
         "approx_gemm_mitchell_zeros_nhwc_cuda_co_32_px_16_px_t_4_chunk_8"},
        // More channels of z than the library's kernels have, beside the two passes.
        {"wsum2d:dgrad_n1ci5ih5iw6co70kh3kw3s1p1_f32_nhwc", 0, "weighted_sum_grad.cuda",
         "columns:8,rows:4,strip:2,middle:128,chunk:16",
         "weighted_sum_grad_cuda_nhwc_columns_8_rows_4_strip_2_middle_128_chunk_16"},
        // The other passes take weights that are zero, too: with this product the library has no such kernels.
        {"dgrad_n1ci5ih6iw6co6kh3kw3s2p1_f32_nchw_mitchell", 3, "approx_gemm_nchw.cuda",
         "co:16,px:32,px_t:4,chunk:8,linear:1",
         "approx_gemm_mitchell_nchw_cuda_co_16_px_32_px_t_4_chunk_8_linear_1"},
        {"fprop_n2ci20ih6iw5co36kh3kw3s1p1_f32_nhwc_dot_s8x2", 0, "byte_gemm_nhwc.cuda",
         "co:32,co_t:8,chunk:8,vec:4,stages:2",
         "byte_gemm_dot_s8_nhwc_cuda_co_32_co_t_8_chunk_8_vec_4_stages_2"},
        // Fewer vectors of pixels than threads.
        {"fprop_n2ci3ih9iw7co9kh3kw3s2p1_f32_nchw_dot_u8", 0, "byte_gemm_nhwc.cuda",
         "co:64,px:32,px_t:4,chunk:4,stages:4",
         "byte_gemm_dot_u8_nhwc_cuda_co_64_px_32_px_t_4_chunk_4_stages_4"},
        {"fprop_n2ci20ih6iw5co36kh3kw3s1p1g2_f32_nhwc_table16", 0, "byte_gemm_nchw.cuda",
         "co:32,px:128,co_t:8,chunk:4,stages:2,staged:1",
         "byte_gemm_table16_nchw_cuda_co_32_px_128_co_t_8_chunk_4_stages_2_staged_1"},
        {"fprop_n1ci5ih6iw5co7kh1kw3s1p0x1d1x2_f32_nchw_table32", 0, "byte_gemm_nchw.cuda",
         "co:16,px:32,px_t:4,chunk:16", "byte_gemm_table32_nchw_cuda_co_16_px_32_px_t_4_chunk_16"},
    };
    for (const auto &[problem, phase, kind, schedule, text] : made_ones) {
        const OperatorProblem parsed = parse_operator_problem(problem);
        const std::string candidate =
            kind + "/" +
            (kind == "conv2d_wgrad.cuda"
                 ? format_params(parse_params<Conv2dWgradCudaParams>(schedule))
             : kind == "weighted_sum_grad.cuda"
                 ? format_params(parse_params<WeightedSumGradCudaParams>(schedule))
             : parsed.bytes() ? format_params(parse_params<ByteGemmCudaParams>(schedule))
                              : format_params(parse_params<Conv2dCudaParams>(schedule)));
        const Space space = cuda_space(parsed, phase, nominal_gpu(kArchitecture));
        const auto point = space.parse(candidate);
        ASSERT_TRUE(point) << candidate;
        EXPECT_TRUE(space.is_legal(*point)) << problem << ": " << space.why_illegal(*point);
        MeasureJob job = std::get<MeasureJob>(job_of(parsed, phase, candidate));
        EXPECT_EQ(job.shipped, "");
        job.timing = kShort;
        const Measured measured = measure_here(parse_job(format_job(made(job, text))));
        EXPECT_GT(measured.result.seconds, 0) << problem << ": " << measured.result.reason;
    }
}

TEST_F(MadeGpuKernels, AreTakenWithTheRecordedHashesOnly) {
    // Another problem than above: what is loaded stays loaded.
    const MeasureJob good = made_job("fprop_n1ci6ih5iw5co6kh3kw3s1p1_f32_nchw");
    MeasureJob job = good;
    job.made_cuda->sha256[0] ^= 1;
    expect_outcome(measure_here(job).result, Outcome::kLaunchFailed, "SHA-256");
    job = good;
    job.made_cuda->images_sha256 = std::string(64, '0');
    expect_outcome(measure_here(job).result, Outcome::kLaunchFailed, "kernel images");
    std::ofstream(good.made_cuda->images_path, std::ios::app) << "x";
    expect_outcome(measure_here(good).result, Outcome::kLaunchFailed, "kernel images");
}

TEST_F(MadeGpuKernels, SayWhyTheyCouldNotBeMade) {
    const auto failure = [&](const std::string &candidate) {
        auto job = job_of(parse_problem(kFprop), 0, candidate);
        if (auto *why = std::get_if<Result>(&job)) return *why;
        return make_kernel(std::get<MeasureJob>(job), making()).value_or(Result{});
    };
    expect_outcome(failure("conv2d.cuda/engine:7"), Outcome::kBuildFailed, "engine:7");
    expect_outcome(failure("conv2d_wgrad.cuda/engine:1"), Outcome::kBuildFailed, "no candidate");
    // Of an older database, perhaps.
    auto other_dtype = job_of(parse_problem(kFpropBf16), 0, "conv2d.cuda/engine:1,co:64,px:64");
    expect_outcome(make_kernel(std::get<MeasureJob>(other_dtype), making()).value_or(Result{}),
                   Outcome::kBuildFailed, "is not for this dtype; mma:2 is for bf16 and f16");
    const std::string other = "conv2d.cuda/engine:1,co:32,px:32,co_t:4,px_t:8,chunk:8";
    tools_.cuda_compiler = "false";
    expect_outcome(failure(other), Outcome::kBuildFailed, "the compiler of CUDA kernels");
    tools_.cuda_generators = "false";
    expect_outcome(failure(other), Outcome::kBuildFailed, "the Generator");
    EXPECT_NE(tools_.why_missing_for_cuda().find("'false' is not a program"), std::string::npos);
}

TEST(WhyNotWorthMeasuring, SpillsAndBlocksThatDoNotFit) {
    cuda::KernelFigures kernel{"k", 128, 0, 0, 0, 256, 0};
    EXPECT_EQ(why_not_worth_measuring({kernel}, 90), "");
    kernel.spill_bytes = 8;
    EXPECT_NE(why_not_worth_measuring({kernel}, 90).find("8 bytes in local memory"),
              std::string::npos);
    kernel.spill_bytes = 0, kernel.registers = 255, kernel.max_threads = 1024;
    EXPECT_NE(why_not_worth_measuring({kernel}, 90).find("cannot hold a block"), std::string::npos);
    EXPECT_EQ(why_not_worth_measuring({kernel}, 123), "");  // an unknown architecture
}

}  // namespace
}  // namespace convwright
