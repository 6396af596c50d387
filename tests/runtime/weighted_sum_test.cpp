// SPDX-License-Identifier: Apache-2.0
#include "runtime/weighted_sum.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "autotune/verify/naive_conv2d.h"
#include "runtime/scratch.h"
#include "tests/repro.h"
#include "tests/seed.h"
#include "tests/weighted_sum_steps.h"

namespace convwright {
namespace {

ConvProblem problem(const std::string &sizes, DType dtype) {
    ConvProblem p = parse_problem("fprop_" + sizes + "_f32_nhwc_bias");
    p.dtype = dtype;
    return p;
}

Tensor4 tensor(const Quad &sizes, Format format, bool gaps, Placement placement,
               const Values &values, DType dtype) {
    return {sizes, strides_for(sizes, format, gaps), placement, values, dtype};
}

void expect_naive(const ConvProblem &p, const WeightedSumPlan &plan, bool gaps,
                  Placement placement) {
    const WeightedSumSteps values(p);
    const Tensor4 input =
        tensor(input_sizes(p), p.format, gaps, placement, values.mix.input, p.dtype);
    const Tensor4 pointwise = tensor(weight_sizes(mix_of(p)), Format::kNchw, false, placement,
                                     values.mix.weight, p.dtype);
    const Tensor4 depthwise = tensor(weight_sizes(window_of(p)), Format::kNchw, false, placement,
                                     values.window.weight, p.dtype);
    const Tensor4 bias =
        tensor({1, 1, 1, p.co}, Format::kNchw, false, placement, values.window.bias, p.dtype);
    const Tensor4 result(output_sizes(p), strides_for(output_sizes(p), p.format, gaps), placement,
                         p.dtype);
    GuardedFloats workspace(plan.workspace, placement, kWorkspaceAlignment);
    const GuardedScratch scratch(placement);
    CallContext context;
    ASSERT_TRUE(run_weighted_sum(context, plan, input.activation(), pointwise.weight(),
                                 depthwise.weight(), p.bias ? bias.activation().data : nullptr,
                                 result.activation(), workspace.data()))
        << context.error();
    EXPECT_EQ(result.values(), values.expected);
    EXPECT_TRUE(result.redzones_intact());
    EXPECT_TRUE(workspace.redzones_intact());
}

class WeightedSumKernels : public testing::TestWithParam<std::string> {};

TEST_P(WeightedSumKernels, EveryAcceptingKernelEqualsNaive) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    for (const DType dtype : {DType::kF32, DType::kBf16}) {
        ConvProblem p = problem(GetParam(), dtype);
        int accepted = 0;
        for (const WeightedSumKernel &kernel : weighted_sum_kernels()) {
            const WeightedSumPlan plan = weighted_sum_plan_with(kernel, p);
            if (plan.kernel == nullptr) continue;
            accepted++;
            for (const bool gaps : {false, true}) {
                const Repro repro(p, kernel.name, gaps ? "gaps" : "dense");
                expect_naive(p, plan, gaps, Placement::kEnd);
                expect_naive(p, plan, gaps, Placement::kStart);
            }
        }
        EXPECT_GT(accepted, 0) << dtype_name(dtype);
        p.relu = true, p.bias = false;
        for (const Placement placement : {Placement::kStart, Placement::kEnd})
            expect_naive(p, weighted_sum_plan(p), false, placement);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Problems, WeightedSumKernels,
    testing::Values("n2ci3ih9iw14co16kh3kw3s1p1", "n1ci5ih7iw15co17kh3kw3s2p1",
                    "n2ci16ih11iw16co33kh3kw3s1p0", "n1ci2ih8iw17co48kh5kw5s1p2",
                    "n1ci7ih9iw21co32kh5kw3s2x1p2x1", "n1ci4ih13iw19co16kh3kw3s1p2d2",
                    "n1ci3ih40iw40co64kh3kw3s1p1", "n3ci1ih4iw14co16kh2kw2s1p1"));

/// What runs untuned, on problems at random; CONVWRIGHT_SEED gives others.
TEST(WeightedSumPlan, OfRandomProblemsEqualsNaiveWhereThereIsAKernel) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    std::mt19937 random(test_seed());
    const auto draw = [&](int low, int high) {
        return low + static_cast<int>(random() % (high - low + 1));
    };
    int planned = 0;
    for (int i = 0; i < 60; i++) {
        ConvProblem p =
            problem("n1ci3ih9iw16co16kh3kw3s1p1", i % 2 == 0 ? DType::kF32 : DType::kBf16);
        p.n = draw(1, 3), p.ci = draw(1, 24), p.co = draw(16, 70);
        p.ih = draw(1, 20), p.iw = draw(8, 40);
        p.kh = draw(1, 5), p.kw = draw(1, 5);
        p.stride_h = draw(1, 2), p.stride_w = draw(1, 2);
        p.pad_h = draw(0, 2), p.pad_w = draw(0, 2);
        p.bias = draw(0, 1) == 1, p.relu = draw(0, 1) == 1;
        if (why_impossible(p) != nullptr) continue;
        const WeightedSumPlan plan = weighted_sum_plan(p);
        if (plan.kernel == nullptr) {
            EXPECT_NE(plan.reason, "") << format_problem(p);
            continue;
        }
        planned++;
        const Repro repro(p, plan.kernel->name, "random");
        expect_naive(p, plan, false, Placement::kStart);
        expect_naive(p, plan, false, Placement::kEnd);
    }
    EXPECT_GE(planned, 20);
}

TEST(WeightedSumPlan, SaysWhyThereIsNoKernel) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    ConvProblem p = problem("n1ci3ih9iw16co16kh3kw3s1p1", DType::kF32);
    EXPECT_NE(weighted_sum_plan(p).kernel, nullptr);
    p.format = Format::kNchw;
    EXPECT_EQ(weighted_sum_plan(p).kernel, nullptr);
    EXPECT_NE(weighted_sum_plan(p).reason, "");
    // Fewer channels than the lanes of any kernel; rows shorter than any register tile.
    EXPECT_EQ(weighted_sum_plan(problem("n1ci3ih9iw16co3kh3kw3s1p1", DType::kF32)).kernel, nullptr);
    EXPECT_EQ(weighted_sum_plan(problem("n1ci3ih9iw2co16kh3kw3s1p1", DType::kF32)).kernel, nullptr);
}

}  // namespace
}  // namespace convwright
