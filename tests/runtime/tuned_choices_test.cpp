// SPDX-License-Identifier: Apache-2.0
#include "runtime/tuned_choices.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>

#include "runtime/plan.h"
#include "runtime/weighted_sum.h"
#include "tests/dense_run.h"
#include "tests/runtime/tuned_choices_fixture.h"

namespace convwright {
namespace {

constexpr char kFprop[] = "fprop_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc";
constexpr char kStrided[] = "dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nhwc";
constexpr char kWgrad[] = "wgrad_n2ci8ih9iw11co17kh1kw1s1p0_f32_nhwc";

/// The last in the cost model's order: what it does not choose by itself.
template<typename Params>
const Kernel<Params> *named(const std::vector<Kernel<Params>> &kernels, const std::string &name) {
    for (const Kernel<Params> &kernel : kernels)
        if (kernel.name == name) return &kernel;
    return nullptr;
}
const ConvKernel &last_conv(const char *problem) {
    return *named(conv_kernels(), accepting_kernels(parse_problem(problem)).back().name);
}
const WgradKernel &last_wgrad(const char *problem) {
    return *named(wgrad_kernels(), accepting_kernels(parse_problem(problem)).back().name);
}
std::string fprop_kernel() { return conv_plan(parse_problem(kFprop), true).kernels(); }
std::string best_fprop_kernel() { return accepting_kernels(parse_problem(kFprop)).front().name; }

TEST_F(TunedChoices, ShippedKernelsAreTakenFromTheTable) {
    const ConvKernel &kernel = last_conv(kFprop);
    ASSERT_NE(kernel.name, best_fprop_kernel());
    EXPECT_EQ(fprop_kernel(), best_fprop_kernel());
    EXPECT_EQ(notices_of([&] { write(kFprop, 0, candidate("conv2d", kernel)); }).first, 0u);
    const ConvPlan &plan = conv_plan(parse_problem(kFprop), true);
    EXPECT_EQ(plan.kernels(), kernel.name);
    EXPECT_EQ(plan.schedules(), kernel.schedule + " (tuned)");
    EXPECT_FALSE(pytorch_was_chosen(parse_problem(kFprop)));
    // Bias and ReLU are other problems.
    EXPECT_EQ(conv_plan(parse_problem(std::string(kFprop) + "_bias"), true).kernels(),
              best_fprop_kernel());
}

TEST_F(TunedChoices, OnePassOfSeveralIsChosenByItself) {
    const ConvProblem problem = parse_problem(kStrided);
    const std::vector<ConvStep> before = conv_plan(problem, true).steps;
    ASSERT_EQ(before.size(), 4u);
    const ConvKernel &kernel = last_conv(kStrided);
    write(kStrided, 2, candidate("conv2d", kernel));
    const ConvPlan &plan = conv_plan(problem, true);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_EQ(plan.steps[i].kernel, i == 2 ? &kernel : before[i].kernel);
        EXPECT_EQ(plan.steps[i].tuned, i == 2);
    }
    EXPECT_NE(plan.schedules().find(kernel.schedule + " (tuned)"), std::string::npos);
    const ConvValues values = integer_values(problem, 1);
    EXPECT_EQ(run_dense({problem, plan, {}}, values), naive_conv2d(problem, values));
}

TEST_F(TunedChoices, WgradIsKnownByItsLongRows) {
    const ConvProblem rows = parse_problem(kWgrad), subject = tuned_subject(rows).sizes;
    ASSERT_NE(format_problem(subject), kWgrad);
    EXPECT_EQ(format_problem(tuned_subject(subject)), format_problem(subject));
    const WgradKernel &kernel = last_wgrad(format_problem(subject).c_str());
    ASSERT_NE(wgrad_plan(subject).kernel, &kernel);
    write(kWgrad, 0, candidate("conv2d_wgrad", kernel));
    EXPECT_EQ(wgrad_plan(subject).kernel, &kernel);
    EXPECT_EQ(wgrad_plan(subject).schedules(), kernel.schedule + " (tuned)");
    const WgradPlan plan = wgrad_plan(rows);
    EXPECT_TRUE(!plan.tuned || plan.kernel == &kernel);
    const ConvValues values = integer_values(rows, 1);
    EXPECT_EQ(run_dense({rows, {}, plan}, values), naive_conv2d(rows, values));
}

TEST_F(TunedChoices, MadeKernelsAreLoadedByTheirHash) {
    const LoadableKernel made = make();
    write(kFprop, 0, "conv2d.avx2/" + made.schedule, made.sha256);
    const ConvProblem problem = parse_problem(kFprop);
    const ConvPlan &plan = conv_plan(problem, true);
    EXPECT_EQ(plan.kernels(), made.symbol) << tuned_notices().back();
    const ConvValues values = integer_values(problem, 1);
    EXPECT_EQ(run_dense({problem, plan, {}}, values), naive_conv2d(problem, values));
}

TEST_F(TunedChoices, WithoutTheRecordedObjectTheCostModelChooses) {
    const LoadableKernel made = make();
    const std::string hash(64, '1');
    for (const bool missing : {false, true}) {
        if (missing) std::filesystem::remove(made.path);
        const auto [count, sentence] = notices_of([&] {
            write(kFprop, 0, "conv2d.avx2/" + made.schedule, hash);
            EXPECT_EQ(fprop_kernel(), best_fprop_kernel());
            reload_tuned_choices();  // the same sentence is not said twice
            EXPECT_EQ(fprop_kernel(), best_fprop_kernel());
        });
        EXPECT_EQ(count, 1u);
        EXPECT_NE(sentence.find(missing ? "cannot be opened" : "SHA-256"), std::string::npos)
            << sentence;
        EXPECT_EQ(sentence.back(), '.');
    }
}

TEST_F(TunedChoices, KernelsThatDoNotAcceptTheProblemAreNotices) {
    const char *const tiny = "fprop_n1ci3ih4iw3co2kh1kw1s1p0_f32_nchw";
    const char *const tiny_wgrad = "wgrad_n1ci3ih4iw3co2kh1kw1s1p0_f32_nchw";
    const auto refused = [](const auto &kernels, const char *text) -> std::string {
        const auto accepting = accepting_kernels(parse_problem(text));
        for (const auto &kernel : kernels) {
            const bool accepts =
                std::any_of(accepting.begin(), accepting.end(),
                            [&](const KernelInfo &info) { return info.name == kernel.name; });
            if (kernel.format == Format::kNchw && kernel.isa <= host_isa() &&
                kernel.dtype == parse_problem(text).dtype && kernel.problem.empty() && !accepts)
                return isa_name(kernel.isa) + ("/" + kernel.schedule);
        }
        return "";
    };
    const std::string conv = refused(conv_kernels(), tiny);
    const std::string wgrad = refused(wgrad_kernels(), tiny_wgrad);
    ASSERT_NE(conv, "");
    ASSERT_NE(wgrad, "");
    const std::string best = conv_plan(parse_problem(tiny), true).kernels();
    auto [count, sentence] = notices_of([&] {
        write(tiny, 0, "conv2d." + conv);
        EXPECT_EQ(conv_plan(parse_problem(tiny), true).kernels(), best);
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find("does not accept pass 0 of " + std::string(tiny)), std::string::npos)
        << sentence;
    const std::string mark = " (the tuned kernel does not accept it)";
    EXPECT_TRUE(conv_plan(parse_problem(tiny), true).schedules().ends_with(mark));
    std::tie(count, sentence) = notices_of([&] {
        write(tiny_wgrad, 0, "conv2d_wgrad." + wgrad);
        EXPECT_TRUE(wgrad_plan(parse_problem(tiny_wgrad)).schedules().ends_with(mark));
    });
    EXPECT_EQ(count, 1u);
    EXPECT_TRUE(sentence.ends_with("tune the problem again.")) << sentence;
    std::tie(count, sentence) = notices_of([&] { wgrad_plan(parse_problem(tiny_wgrad), false); });
    EXPECT_EQ(count, 1u);
    EXPECT_TRUE(sentence.ends_with("make them contiguous.")) << sentence;
}

TEST_F(TunedChoices, UnknownCandidatesAreNotices) {
    for (const char *text : {"nonsense", "conv2d.avx2/lane:9", "conv2d_wgrad.avx2/lane:0",
                             "conv3d.avx2/lane:0", "a/b.c", "conv2d.sse/lane:0"}) {
        const auto [count, sentence] = notices_of([&] {
            write(kFprop, 0, text);
            EXPECT_EQ(fprop_kernel(), best_fprop_kernel());
        });
        EXPECT_EQ(count, 1u) << text;
        EXPECT_EQ(sentence.back(), '.') << sentence;
    }
}

TEST_F(TunedChoices, TablesThatCannotBeReadAreNotices) {
    write(kFprop, 0, "pytorch");
    const std::string bytes = file_bytes(tuned_choices_path());
    const auto [count, sentence] = notices_of([&] {
        write_bytes(tuned_choices_path(), bytes.substr(0, bytes.size() - 3));
        reload_tuned_choices();
        EXPECT_FALSE(pytorch_was_chosen(parse_problem(kFprop)));
        EXPECT_EQ(fprop_kernel(), best_fprop_kernel());
    });
    EXPECT_EQ(count, 1u);
    expect_sentence(sentence);
}

TEST_F(TunedChoices, ChoicesOfOtherCpusAreNone) {
    const auto [count, sentence] = notices_of([&] {
        write(kFprop, 0, candidate("conv2d", last_conv(kFprop)), "", "cpu/other/avx2");
        EXPECT_EQ(fprop_kernel(), best_fprop_kernel());
    });
    EXPECT_EQ(count, 0u) << sentence;
}

TEST_F(TunedChoices, PytorchMayBeChosenForTheWholeProblem) {
    write(kFprop, 0, "pytorch");
    EXPECT_TRUE(pytorch_was_chosen(parse_problem(kFprop)));
    EXPECT_FALSE(pytorch_was_chosen(parse_problem(std::string(kFprop) + "_relu")));
    // Whoever asks for a plan all the same gets the cost model's.
    EXPECT_EQ(fprop_kernel(), best_fprop_kernel());
    EXPECT_EQ(conv_plan(parse_problem(kFprop), true).schedules().find("(tuned)"),
              std::string::npos);
}

constexpr char kSum[] = "wsum2d:fprop_n2ci8ih9iw21co32kh3kw3s1p1_f32_nhwc";
constexpr char kSumStep[] = "wsum2d:step_n2ci8ih9iw21co32kh3kw3s1p1_f32_nhwc";
constexpr char kSeparable[] = "dwsep2d:fprop_n2ci8ih9iw21co32kh3kw3s1p1_f32_nhwc";

std::string kind_of(const char *problem) {
    const auto tuned = tuned_pass(parse_operator_problem(problem), 0);
    return tuned ? tuned->kind : "none";
}

TEST_F(TunedChoices, OfAWeightedSumAreKindsOrFusedKernels) {
    const ConvProblem sizes = parse_operator_problem(kSum).sizes;
    const WeightedSumKernel *usual = weighted_sum_plan(sizes).kernel, *other = nullptr;
    for (const WeightedSumKernel &kernel : weighted_sum_kernels())
        if (&kernel != usual && weighted_sum_plan_with(kernel, sizes).kernel != nullptr)
            other = &kernel;
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(kind_of(kSum), "none");
    write(kSum, 0, candidate("weighted_sum", *other));
    EXPECT_EQ(kind_of(kSum), "fused");
    EXPECT_EQ(weighted_sum_plan(sizes).kernel, other);
    EXPECT_EQ(weighted_sum_plan(sizes).schedule(), other->schedule + " (tuned)");
    EXPECT_EQ(kind_of(kSumStep), "none");  // another question
    for (const char *kind : {"unfused", "composed", "pytorch"}) {
        write(kSum, 0, kind);
        EXPECT_EQ(kind_of(kSum), kind);
        EXPECT_EQ(weighted_sum_plan(sizes).kernel, usual);
    }
    write(kSumStep, 0, "fused");
    EXPECT_EQ(kind_of(kSumStep), "fused");
}

TEST_F(TunedChoices, OfOtherOperatorsAreRefused) {
    const WeightedSumKernel &kernel = weighted_sum_kernels().front();
    for (const auto &[problem, name] : std::vector<std::pair<const char *, std::string>>{
             {kSum, "fused"},  // which kernel is part of the choice
             {kSum, "passes"},
             {kSum, candidate("conv2d", last_conv(kFprop))},
             {kSumStep, candidate("weighted_sum", kernel)},
             {kSeparable, candidate("weighted_sum", kernel)},
             {kSeparable, "fused"},
             {kFprop, "unfused"},
             {kFprop, candidate("weighted_sum", kernel)}}) {
        EXPECT_THROW(choose_in_process(problem, 0, name, ""), std::runtime_error) << name;
        write(problem, 0, name);
        EXPECT_FALSE(tuned_pass(parse_operator_problem(problem), 0)) << name;
        const std::string sentence = tuned_notices().back();
        EXPECT_NE(sentence.find("'" + name + "' for " + problem), std::string::npos) << sentence;
    }
}

TEST_F(TunedChoices, PytorchMayHaveAllPassesOfAProblem) {
    const ConvProblem problem = parse_problem(kStrided);
    write(kStrided, kWholeProblem, "passes");
    EXPECT_FALSE(pytorch_was_chosen(problem));
    write(kStrided, kWholeProblem, "pytorch");
    EXPECT_TRUE(pytorch_was_chosen(problem));
    EXPECT_THROW(
        choose_in_process(kStrided, kWholeProblem, candidate("conv2d", last_conv(kStrided)), ""),
        std::runtime_error);
}

TEST_F(TunedChoices, AreNotLookedUpWhereTheyAreNotUsed) {
    write(kFprop, 0, "pytorch");
    EXPECT_TRUE(pytorch_was_chosen(parse_problem(kFprop)));
    use_tuned_choices(false);
    EXPECT_FALSE(pytorch_was_chosen(parse_problem(kFprop)));
    use_tuned_choices(true);
    EXPECT_TRUE(pytorch_was_chosen(parse_problem(kFprop)));
}

TEST_F(TunedChoices, AForcedKernelWins) {
    write(kFprop, 0, "pytorch");
    ASSERT_TRUE(force_kernel(last_conv(kFprop).name));
    EXPECT_FALSE(pytorch_was_chosen(parse_problem(kFprop)));
    EXPECT_EQ(fprop_kernel(), last_conv(kFprop).name);
    write(kFprop, 0, candidate("conv2d", last_conv(kFprop)));
    force_kernel("");
    const std::string best = best_fprop_kernel();
    ASSERT_TRUE(force_kernel(best));
    EXPECT_EQ(fprop_kernel(), best);
    EXPECT_EQ(conv_plan(parse_problem(kFprop), true).schedules().find("(tuned)"),
              std::string::npos);
}

TEST_F(TunedChoices, OfThisProcessGoBeforeTheTableUntilTheyAreUndone) {
    write(kFprop, 0, "pytorch");
    const unsigned generation = tuned_generation();
    choose_in_process(kFprop, 0, candidate("conv2d", last_conv(kFprop)), "");
    EXPECT_GT(tuned_generation(), generation);
    EXPECT_FALSE(pytorch_was_chosen(parse_problem(kFprop)));
    EXPECT_EQ(fprop_kernel(), last_conv(kFprop).name);  // no plan made before is taken
    reload_tuned_choices();
    EXPECT_EQ(fprop_kernel(), last_conv(kFprop).name);
    choose_in_process(kFprop, 0, "", "");
    EXPECT_TRUE(pytorch_was_chosen(parse_problem(kFprop)));
    EXPECT_EQ(fprop_kernel(), best_fprop_kernel());
}

TEST_F(TunedChoices, OfThisProcessThatCannotBeChangeNothing) {
    choose_in_process(kFprop, 0, "pytorch", "");
    const unsigned generation = tuned_generation();
    for (const char *text : {"nonsense", "conv2d.avx2/lane:0,vec:1,tile:5,stage:1"})
        EXPECT_THROW(choose_in_process(kFprop, 0, text, std::string(64, '2')), std::runtime_error);
    EXPECT_THROW(choose_in_process("nonsense", 0, "pytorch", ""), std::invalid_argument);
    EXPECT_EQ(tuned_generation(), generation);
    EXPECT_TRUE(pytorch_was_chosen(parse_problem(kFprop)));
    choose_in_process(kFprop, 0, "", "");
    EXPECT_FALSE(pytorch_was_chosen(parse_problem(kFprop)));
}

TEST_F(TunedChoices, ALaterTableIsReadWhenItIsAskedFor) {
    write(kFprop, 0, "pytorch");
    EXPECT_TRUE(pytorch_was_chosen(parse_problem(kFprop)));
    std::filesystem::remove(tuned_choices_path());
    EXPECT_TRUE(pytorch_was_chosen(parse_problem(kFprop)));
    reload_tuned_choices();
    EXPECT_FALSE(pytorch_was_chosen(parse_problem(kFprop)));
}

/// Whether `holds` in a new process with this variable: the environment is read once.
void expect_with(const char *variable, const char *value, const std::function<bool()> &holds) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const char *before = std::getenv(variable);
    const std::string kept = before == nullptr ? "" : before;
    setenv(variable, value, 1);
    EXPECT_EXIT(_exit(holds() ? 0 : 1), testing::ExitedWithCode(0), "") << value;
    setenv(variable, kept.c_str(), 1);
}

bool pytorch_is_taken() {
    choose_in_process(kFprop, 0, "pytorch", "");
    return pytorch_was_chosen(parse_problem(kFprop));
}

TEST(TuneModeDeathTest, TheEnvironmentSaysWhetherChoicesAreUsed) {
    for (const char *value : {"", "cached", "on"})
        expect_with("CONVWRIGHT_TUNE", value, pytorch_is_taken);
    expect_with("CONVWRIGHT_TUNE", "off",
                [] { return tune_mode() == TuneMode::kOff && !pytorch_is_taken(); });
}

TEST(TuneModeDeathTest, AWrongValueIsNamedWithThoseThatAreAccepted) {
    expect_with("CONVWRIGHT_TUNE", "maybe", [] {
        int thrown = 0;
        for (int i = 0; i < 2; i++) {
            try {
                conv_plan(parse_problem(kFprop), true);
            } catch (const std::runtime_error &error) {
                thrown +=
                    error.what() ==
                    std::string("CONVWRIGHT_TUNE is 'maybe'; accepted are off, cached and on.");
            }
        }
        return thrown == 2 || host_isa() == Isa::kNone;
    });
}

TEST(TuneModeDeathTest, KernelsForABetterCpuAreRefused) {
    expect_with("CONVWRIGHT_ISA", "avx2", [] {
        for (const ConvKernel &kernel : conv_kernels()) {
            if (kernel.isa <= Isa::kAvx2) continue;
            try {
                choose_in_process(kFprop, 0, candidate("conv2d", kernel), "");
                return false;
            } catch (const std::runtime_error &) {
            }
        }
        return true;
    });
}

}  // namespace
}  // namespace convwright
