// SPDX-License-Identifier: Apache-2.0
// A library that was built with a table of choices for CPUs and a GPU (small_choices.txt.in): what runs on that GPU.
#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/cuda/byte_plan.h"
#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/module_table.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/cuda/weighted_sum.h"
#include "runtime/cuda/weighted_sum_grad.h"
#include "runtime/shipped_choices.h"
#include "runtime/tuned_choices.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/exact_check.h"

namespace convwright::cuda {
namespace {

constexpr char kFprop[] = "fprop_n1ci8ih5iw5co16kh3kw3s1p1_f32_nhwc";
constexpr char kWgrad[] = "wgrad_n1ci8ih5iw5co16kh3kw3s1p1_f32_nhwc";
constexpr char kBytes[] = "fprop_n1ci8ih5iw5co16kh3kw3s1p1_f32_nhwc_dot_s8x3";
constexpr char kGradients[] = "wsum2d:dgrad_n1ci8ih5iw5co12kh3kw3s1p1_f32_nhwc";
constexpr char kStep[] = "wsum2d:step_n1ci8ih5iw5co12kh3kw3s1p1_f32_nhwc";
constexpr char kSum[] = "wsum2d:fprop_n1ci8ih5iw5co12kh3kw3s1p1_f32_nhwc";

class GpuChoicesBuiltIn : public testing::Test {
protected:
    // Not those of whoever runs the tests.
    static void SetUpTestSuite() { setenv("CONVWRIGHT_DB", "/nowhere/tuning.db", 1); }
    void TearDown() override { use_tuned_choices(true); }

    UseEmulatedDriver driver_;
    const Device &gpu_ = emulated_device();
};

TEST_F(GpuChoicesBuiltIn, LieBesideThoseOfCpus) {
    size_t of_gpus = 0;
    for (const ShippedChoice &choice : shipped_choices())
        of_gpus += choice.identity == gpu_identity(gpu_.name, gpu_.multiprocessors);
    EXPECT_EQ(shipped_choices().size(), 9u);
    EXPECT_EQ(of_gpus, 6u);
}

TEST_F(GpuChoicesBuiltIn, AnswerOnTheirGpu) {
    const ConvPlan plan = conv_plan(parse_problem(kFprop), gpu_);
    ASSERT_EQ(plan.steps.size(), 1u) << plan.reason;
    const ConvKernel &kernel = *plan.steps[0].kernel;
    EXPECT_EQ(kernel.params.px, 32);
    EXPECT_EQ(kernel.params.co, 16);
    EXPECT_EQ(plan.schedules(), kernel.schedule + " (shipped)");
    EXPECT_TRUE(is_kernel_of_choices(kernel.name)) << kernel.name;
    EXPECT_FALSE(images_of(kernel.name).empty()) << kernel.name;

    const auto sum = weighted_sum_plan(parse_operator_problem(kSum).sizes, gpu_, {});
    ASSERT_NE(sum.kernel, nullptr) << sum.reason;
    EXPECT_EQ(sum.schedule(), sum.kernel->schedule + " (shipped)");
    EXPECT_FALSE(images_of(sum.kernel->name).empty());
    EXPECT_EQ(tuned_pass(parse_operator_problem(kSum), 0, gpu_).value().kind, kFusedKind);
    EXPECT_EQ(tuned_pass(parse_operator_problem(kStep), 0, gpu_).value().kind, "composed");

    const auto gradients = weighted_sum_grad_plan(parse_operator_problem(kGradients).sizes, gpu_,
                                                  {}, /*keeps_z=*/true, /*tf32=*/false);
    ASSERT_NE(gradients.kernel, nullptr) << gradients.reason;
    EXPECT_EQ(gradients.schedule(), gradients.kernel->schedule + " (shipped)");
    EXPECT_FALSE(images_of(gradients.kernel->name).empty());

    // One kernel for any number of terms.
    const OperatorProblem of_bytes = parse_operator_problem(kBytes);
    DeviceTable table;
    table.product = "dot_s8", table.terms = 3;
    const BytePlan bytes = byte_plan(of_bytes.sizes, table, gpu_, {});
    ASSERT_NE(bytes.kernel, nullptr) << bytes.reason;
    EXPECT_EQ(bytes.kernel->product, "dot_s8");
    EXPECT_STREQ(bytes.mark, " (shipped)");
    EXPECT_FALSE(images_of(bytes.kernel->name).empty());

    EXPECT_TRUE(pytorch_was_chosen(parse_problem(kWgrad), gpu_));
    const std::vector<std::string> notices = tuned_notices();
    EXPECT_TRUE(notices.empty()) << notices[0];
}

TEST_F(GpuChoicesBuiltIn, DoNotAnswerElsewhereNorWhereTheyAreSwitchedOff) {
    const auto mark = [&](const Device &device) {
        return conv_plan(parse_problem(kFprop), device).steps.at(0).mark;
    };
    Device other = gpu_;
    other.name = "Another GPU";
    EXPECT_STREQ(mark(other), "");
    other = gpu_;
    other.multiprocessors++;
    EXPECT_STREQ(mark(other), "");
    EXPECT_STREQ(mark(gpu_), " (shipped)");
    use_tuned_choices(false);
    EXPECT_STREQ(mark(gpu_), "");
    EXPECT_FALSE(pytorch_was_chosen(parse_problem(kWgrad), gpu_));
}

TEST_F(GpuChoicesBuiltIn, KernelsOfTheTableAreExactForOtherProblemsToo) {
    const ConvKernel *kernel = nullptr;
    for (const ConvKernel &k : conv_kernels())
        if (is_kernel_of_choices(k.name)) kernel = &k;
    ASSERT_NE(kernel, nullptr);
    for (const char *problem : {kFprop, "fprop_n2ci5ih6iw7co18kh3kw3s2p1_f32_nhwc",
                                "fprop_n1ci9ih4iw5co7kh1kw1s1p0_f32_nhwc"}) {
        const ConvProblem p = parse_problem(problem);
        EXPECT_TRUE(expect_equals_naive(*kernel, p, kBias, integer_values(p, 1))) << problem;
    }
}

}  // namespace
}  // namespace convwright::cuda
