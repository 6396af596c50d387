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

TEST(OperatorProblem, ProductsOfBytesStandThereToo) {
    const std::string sizes = "fprop_n8ci64ih14iw14co64kh3kw3s1p1_f32_nchw";
    for (const std::string product :
         {"dot_s8", "dot_s8x2", "dot_s8x20", "dot_u8", "table16", "table32"}) {
        const OperatorProblem problem = parse_operator_problem(sizes + "_" + product);
        EXPECT_EQ(format_problem(problem), sizes + "_" + product);
        EXPECT_EQ(problem.sizes, parse_problem(sizes));
        ASSERT_TRUE(problem.bytes());
        EXPECT_EQ(format_byte_product(*problem.bytes()), product);
        EXPECT_TRUE(plain_kinds(problem, 0).empty());
    }
    EXPECT_FALSE(parse_operator_problem(sizes + "_mbm").bytes());
    EXPECT_FALSE(parse_operator_problem(sizes).bytes());
    // 1x1 of short rows is one of long rows.
    EXPECT_EQ(format_problem(tuned_subject(
                  parse_operator_problem("fprop_n8ci64ih14iw14co64kh1kw1s1p0_f32_nhwc_table16"))),
              "fprop_n8ci64ih7iw28co64kh1kw1s1p0_f32_nhwc_table16");
}

// As `explain` names layers.
TEST(OperatorProblem, AMultiplierWithItsFormatStandsForTheProductOfItsTable) {
    const auto product = [](const std::string &name) {
        return parse_operator_problem("fprop_n1ci4ih8iw8co4kh3kw3s1p1_f32_nhwc_" + name).product;
    };
    EXPECT_EQ(product("exact_int8"), "dot_s8");
    EXPECT_EQ(product("exact_uint8"), "dot_u8");
    EXPECT_EQ(product("zeros_uint8"), "dot_s8");
    EXPECT_EQ(product("drum(4)_uint8"), "dot_u8");
    EXPECT_EQ(product("mbm_int8"), "table16");
    EXPECT_EQ(format_problem(parse_operator_problem("fprop_" + kSizes + "_exact_int8")),
              "fprop_n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc_dot_s8");
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
    for (const std::string product : {"dot_s8x1", "dot_s8x02", "dot_s8x21", "dot_u8x2", "table8"})
        EXPECT_NE(refusal("fprop_n1ci4ih8iw8co4kh3kw3s1p1_f32_nhwc_" + product).find("unknown"),
                  std::string::npos)
            << product;
    EXPECT_NE(
        refusal("fprop_n1ci4ih8iw8co4kh3kw3s1p1_f32_nhwc_lmul(3)_int8").find("only in float32"),
        std::string::npos);
    EXPECT_NE(refusal("wgrad_n1ci4ih8iw8co4kh3kw3s1p1_f32_nhwc_dot_s8").find("those of fprop"),
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
