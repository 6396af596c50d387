// SPDX-License-Identifier: Apache-2.0
// The fused CUDA kernels of the weighted sum, run on the CPU, against the definition on small integers,
// tolerance 0.
#include "runtime/cuda/weighted_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/repro.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/window_problem.h"
#include "tests/seed.h"
#include "tests/weighted_sum_steps.h"

namespace convwright::cuda {
namespace {

class WeightedSumCuda : public testing::TestWithParam<size_t> {
protected:
    const WeightedSumKernel &kernel() const { return weighted_sum_kernels()[GetParam()]; }
    const WeightedSumCudaParams &params() const { return kernel().params; }
    int64_t unit() const { return params().vec; }

    /// Windows of this kernel over an input of `iw` x `ih`.
    ConvProblem problem(int64_t n, int64_t ci, int64_t ih, int64_t iw, int64_t co,
                        int64_t pad) const {
        return window_problem(params(), "fprop_n1ci1ih1iw1co1kh1kw1s1p0_f32_nhwc_bias", n, ci, ih,
                              iw, co, pad);
    }

    void expect_exact(const ConvProblem &p, bool gaps) {
        const WeightedSumSteps steps(p);
        const Values result = run(p, steps, gaps);
        EXPECT_EQ(result, steps.expected);
    }

    Values run(const ConvProblem &p, const WeightedSumSteps &steps, bool gaps) {
        const Repro repro(p, kernel().name, gaps ? "gaps" : "dense");
        gaps = gaps && unit() == 1;
        const auto placement = Placement::kStart;
        const auto tensor = [&](const Quad &sizes, Format format, bool with_gaps,
                                const Values &values) {
            return Tensor4(sizes, strides_for(sizes, format, with_gaps), placement, values);
        };
        const Tensor4 input = tensor(input_sizes(p), p.format, gaps, steps.mix.input);
        const Tensor4 pointwise =
            tensor(weight_sizes(mix_of(p)), Format::kNchw, false, steps.mix.weight);
        const Tensor4 depthwise =
            tensor(weight_sizes(window_of(p)), Format::kNhwc, false, steps.window.weight);
        const Tensor4 bias = tensor({1, 1, 1, p.co}, Format::kNchw, false, steps.window.bias);
        const Tensor4 result(output_sizes(p), strides_for(output_sizes(p), p.format, gaps),
                             Placement::kMiddle);
        const WeightedSumPlan plan = weighted_sum_plan_with(
            kernel(), p, emulated_device(), placed(p, result.activation(), input.activation()));
        EXPECT_NE(plan.kernel, nullptr) << plan.reason;
        if (plan.kernel == nullptr) return {};
        CallContext context;
        EXPECT_TRUE(run_weighted_sum(context, plan, input.activation(), pointwise.weight(),
                                     depthwise.weight(), p.bias ? bias.activation().data : nullptr,
                                     result.activation()))
            << context.error();
        EXPECT_TRUE(result.redzones_intact()) << "The kernel wrote around its result.";
        return result.values();
    }

    UseEmulatedDriver driver_;
};

INSTANTIATE_TEST_SUITE_P(Cuda, WeightedSumCuda,
                         testing::Range<size_t>(0, weighted_sum_kernels().size()),
                         [](const auto &info) { return weighted_sum_kernels()[info.param].name; });

// A race shows as a difference of two orders.
TEST_P(WeightedSumCuda, EachOrderOfThreadsGivesTheSame) {
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kReversed, emulator::Order::kShuffled}) {
        driver_->order = order;
        expect_exact(problem(2, unit(), 5, 6, unit(), 1), false);
    }
}

// Tiles, chunks and channels to the last element, and one more.
TEST_P(WeightedSumCuda, EdgesOfTiles) {
    const auto &k = params();
    const int64_t reach = k.taps - 1;
    const auto input = [&](int64_t output) { return (output - 1) * k.stride + k.taps - 2; };
    expect_exact(problem(2, k.chunk, input(k.rows), input(k.columns), k.kChannels, 1), false);
    expect_exact(problem(1, k.chunk + unit(), input(k.rows + 1), input(k.columns + 1),
                         k.kChannels + unit(), 1),
                 true);
    expect_exact(problem(1, 2 * unit(), reach + 3, reach + 2, 3 * unit(), 0), true);
    ConvProblem p = problem(2, unit(), reach + 1, 2 * k.columns, unit(), reach);
    p.pad_h = 0, p.bias = false, p.relu = true;
    expect_exact(p, false);
}

// z is zero outside of the image, whatever the weight; a NaN stays one.
TEST_P(WeightedSumCuda, InfinitiesStayInside) {
    const ConvProblem p = problem(1, unit(), 5, 5, unit(), 1);
    WeightedSumSteps steps(p);
    steps.mix.weight[0] = std::numeric_limits<float>::infinity();
    for (float &x : steps.mix.input) x = 1;
    for (float &w : steps.window.weight) w = 1;
    steps.take();
    const Values result = run(p, steps, false);
    ASSERT_EQ(result.size(), steps.expected.size());
    for (size_t i = 0; i < result.size(); i++) EXPECT_EQ(result[i], steps.expected[i]) << i;
}

TEST(WeightedSumCudaPlans, SayWhyThereIsNone) {
    const UseEmulatedDriver driver;
    const auto reason = [](const std::string &text) {
        return weighted_sum_plan(parse_problem("fprop_" + text), emulated_device(), {}).reason;
    };
    for (const char *text :
         {"n1ci4ih9iw9co8kh3kw3s1p1_f32_nchw", "n1ci4ih9iw9co8kh3kw3s1p1d2_f32_nhwc",
          "n1ci4ih9iw9co8kh7kw7s1p1_f32_nhwc"}) {
        EXPECT_EQ(reason(text), "no fused CUDA kernel of this library accepts the problem") << text;
    }
}

TEST(WeightedSumCudaPlans, TakeVectorsWhereTheyFit) {
    const UseEmulatedDriver driver;
    const auto vec = [](const std::string &text, const Placed &placed) {
        return weighted_sum_plan(parse_problem(text), emulated_device(), placed).kernel->params.vec;
    };
    Placed odd;
    odd.vectors = false;
    EXPECT_EQ(vec("fprop_n1ci4ih9iw9co8kh3kw3s1p1_f32_nhwc", {}), 4);
    EXPECT_EQ(vec("fprop_n1ci4ih9iw9co8kh3kw3s1p1_f32_nhwc", odd), 1);
    EXPECT_EQ(vec("fprop_n1ci5ih9iw9co8kh3kw3s1p1_f32_nhwc", {}), 1);
}

}  // namespace
}  // namespace convwright::cuda
