// SPDX-License-Identifier: Apache-2.0
#include "autotune/work.h"

#include <gtest/gtest.h>

#include "runtime/conv_pass.h"

namespace convwright {
namespace {

Work work(const std::string &problem, int phase = 0) {
    return work_of(parse_operator_problem(problem), phase);
}

TEST(Work, OfEachDirection) {
    const std::string sizes = "n2ci3ih8iw6co5kh3kw3s1p1_f32_nhwc";
    const double pixels = 2 * 8 * 6, bytes = 4 * (pixels * 3 + pixels * 5 + 9 * 3 * 5);
    for (const char *direction : {"fprop_", "dgrad_", "wgrad_"}) {
        EXPECT_EQ(work(direction + sizes).flops, 2 * pixels * 3 * 5 * 9) << direction;
        EXPECT_EQ(work(direction + sizes).bytes, bytes) << direction;
    }
    EXPECT_EQ(work("fprop_n2ci4ih8iw6co4kh3kw3s1p1g4_bf16_nhwc").flops, 2 * pixels * 4 * 9);
    EXPECT_EQ(work("fprop_n2ci4ih8iw6co4kh3kw3s1p1g4_bf16_nhwc").bytes,
              2 * (pixels * 4 + pixels * 4 + 4 * 9));
}

TEST(Work, OfBytesAreBytesAndTheirSums) {
    const std::string sizes = "fprop_n2ci3ih8iw6co5kh3kw3s1p1_f32_nhwc";
    EXPECT_EQ(work(sizes + "_dot_s8x3").flops, work(sizes).flops);
    EXPECT_EQ(work(sizes + "_dot_s8x3").bytes, 96 * 3 + 9 * 3 * 5 + 4 * 96 * 5);
}

TEST(Work, PassesOfAStridedGradientHaveItsProductsTogether) {
    // Even sizes and no padding at the far side: every product of the whole meets an input.
    const std::string problem = "dgrad_n1ci2ih8iw8co3kh2kw2s2p0_f32_nhwc";
    const auto passes = conv_passes(parse_problem(problem));
    ASSERT_EQ(passes.size(), 4u);
    double flops = 0;
    for (int phase = 0; phase < 4; phase++) flops += work(problem, phase).flops;
    EXPECT_EQ(flops, work(problem, kWholeProblem).flops);
}

TEST(Work, OfTwoConvolutionsInARow) {
    const std::string sizes = "n2ci3ih8iw6co5kh3kw3s1p1_f32_nhwc";
    const double pixels = 2 * 8 * 6, sum = 2 * (pixels * 3 * 5 + pixels * 5 * 9),
                 separable = 2 * (pixels * 3 * 9 + pixels * 3 * 5);
    EXPECT_EQ(work("wsum2d:fprop_" + sizes).flops, sum);
    EXPECT_EQ(work("wsum2d:step_" + sizes).flops, 3 * sum);
    EXPECT_EQ(work("dwsep2d:fprop_" + sizes).flops, separable);
    EXPECT_EQ(work("wsum2d:fprop_" + sizes).bytes, 4 * (pixels * (3 + 5) + 3 * 5 + 5 * 9));
    EXPECT_EQ(work("wsum2d:dgrad_" + sizes).flops, sum);
    EXPECT_EQ(work("wsum2d:dgrad_" + sizes).bytes, 4 * (pixels * (3 + 5 + 5) + 3 * 5 + 5 * 9));
    EXPECT_GT(work("wsum2d:step_" + sizes).bytes, 2 * work("wsum2d:fprop_" + sizes).bytes);
}

}  // namespace
}  // namespace convwright
