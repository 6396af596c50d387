// SPDX-License-Identifier: Apache-2.0
#include "runtime/operator_problem.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "runtime/multipliers/product_words.h"

namespace convwright {
namespace {

const std::string kSizes = "n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc_bias";

TEST(OperatorProblem, ComesBackFromItsText) {
    for (const std::string start :
         {"fprop_", "wsum2d:fprop_", "wsum2d:step_", "dwsep2d:fprop_", "dwsep2d:step_"})
        EXPECT_EQ(format_problem(parse_operator_problem(start + kSizes)), start + kSizes);
    const OperatorProblem step = parse_operator_problem("dwsep2d:step_" + kSizes);
    EXPECT_EQ(step.op, Operator::kDepthwiseSeparable);
    EXPECT_TRUE(step.step);
    EXPECT_EQ(step.sizes, parse_problem("fprop_" + kSizes));
    EXPECT_FALSE(step == OperatorProblem(step.sizes));
}

TEST(OperatorProblem, GradientsOfAWeightedSumAreOne) {
    const std::string text = "wsum2d:dgrad_" + kSizes.substr(0, kSizes.size() - 5);
    const OperatorProblem gradients = parse_operator_problem(text);
    EXPECT_EQ(format_problem(gradients), text);
    EXPECT_TRUE(gradients.is_fused_gradients());
    EXPECT_EQ(tuned_subject(gradients), gradients);
    EXPECT_EQ(gradients.sizes.direction, Direction::kDgrad);
    EXPECT_FALSE(parse_operator_problem("wsum2d:step_" + kSizes).is_fused_gradients());
    EXPECT_FALSE(parse_operator_problem(text.substr(7)).is_fused_gradients());
}

TEST(OperatorProblem, AProductStandsAtTheEnd) {
    const std::string bare = "wgrad_n8ci64ih14iw14co64kh3kw3s1p1_f32_nchw";
    for (const std::string &product : product_names())
        for (const std::string &sizes : {bare, "fprop_" + kSizes}) {
            const std::string text = sizes + "_" + product;
            const OperatorProblem problem = parse_operator_problem(text);
            EXPECT_EQ(format_problem(problem), text);
            EXPECT_EQ(problem.sizes, parse_problem(sizes));
            EXPECT_FALSE(problem == OperatorProblem(problem.sizes));
            EXPECT_TRUE(plain_kinds(problem, 0).empty());
        }
    const auto usual = [](const std::string &text) { return parse_operator_problem(text).product; };
    EXPECT_EQ(usual("fprop_" + kSizes + "_mbm(4)"), "mbm");
    EXPECT_EQ(usual("fprop_" + kSizes + "_lmul(3)"), "mitchell");
    EXPECT_EQ(usual(bare + "_pam"), "mitchell_zeros");
    EXPECT_EQ(usual(bare + "_drum(24)"), "rounded");
}

TEST(OperatorProblem, OthersAreRefusedInOneSentence) {
    const auto refusal = [](const std::string &text) -> std::string {
        try {
            parse_operator_problem(text);
            return "";
        } catch (const std::invalid_argument &error) {
            return error.what();
        }
    };
    EXPECT_NE(refusal("wsum3d:fprop_" + kSizes).find("wsum2d and dwsep2d"), std::string::npos);
    EXPECT_NE(refusal("wsum2d:wgrad_" + kSizes).find("stands fprop, or step"), std::string::npos);
    EXPECT_NE(refusal("dwsep2d:dgrad_" + kSizes).find("stands fprop, or step"), std::string::npos);
    EXPECT_NE(refusal("wsum2d:dgrad_" + kSizes).find("have no bias"), std::string::npos);
    EXPECT_NE(refusal("wsum2d:fprop_n1ci4ih8iw8co4kh3kw3s1p1g4_f32_nhwc").find("one group"),
              std::string::npos);
    EXPECT_NE(refusal("fprop_" + kSizes + "_mbn").find("'mbn'"), std::string::npos);
    EXPECT_NE(refusal("fprop_" + kSizes + "_mbm(99)"), "");
    EXPECT_NE(refusal("fprop_" + kSizes + "_zeros").find("no kernels of its own"),
              std::string::npos);
    EXPECT_NE(refusal("fprop_" + kSizes + "_relu_mbm").find("no ReLU"), std::string::npos);
    EXPECT_NE(refusal("fprop_n1ci4ih8iw8co4kh3kw3s1p1_bf16_nhwc_mbm").find("of float32"),
              std::string::npos);
    for (const std::string &text : {std::string(), "step_" + kSizes, ":fprop_" + kSizes,
                                    std::string("wsum2d:"), std::string("wsum2d:step_")})
        EXPECT_NE(refusal(text), "") << text;
}

TEST(PlainKinds, AreWhatCompetesWithoutAKernelOfItsOwn) {
    using Kinds = std::vector<std::string>;
    const OperatorProblem plain = parse_problem("dgrad_" + kSizes.substr(0, kSizes.size() - 5));
    EXPECT_EQ(plain_kinds(plain, 0), Kinds{"pytorch"});
    EXPECT_EQ(plain_kinds(plain, kWholeProblem), (Kinds{"pytorch", "passes"}));
    const auto kinds = [](const std::string &start) {
        return plain_kinds(parse_operator_problem(start + kSizes), 0);
    };
    EXPECT_EQ(kinds("wsum2d:fprop_"), (Kinds{"pytorch", "unfused", "composed"}));
    EXPECT_EQ(kinds("wsum2d:step_"), (Kinds{"pytorch", "unfused", "composed", "fused"}));
    EXPECT_EQ(kinds("dwsep2d:step_"), (Kinds{"pytorch", "unfused", "composed"}));
    EXPECT_EQ(plain_kinds({plain.sizes, Operator::kWeightedSum}, 0), Kinds{"unfused"});
}

}  // namespace
}  // namespace convwright
