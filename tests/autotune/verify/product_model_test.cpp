// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/product_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "runtime/multipliers/operand_range.h"

namespace convwright {
namespace {

OperandRange range_of(const Values &values) {
    const Extent axes[4] = {{static_cast<int64_t>(values.size()), 1}, {1, 1}, {1, 1}, {1, 1}};
    return operand_range(values.data(), axes);
}

TEST(ProductModel, IsOfItsProduct) {
    for (const std::string &product : product_names()) {
        const auto first = product_model(product, 1), second = product_model(product, 2);
        EXPECT_EQ(first->form.product, product);
        EXPECT_EQ(second->form.product, product);
        EXPECT_EQ(first->form.weight_words, product_weight_words(product));
        if (product == "mantissa_table") {
            EXPECT_EQ(first->form.table, &first->table);
            EXPECT_NE(first->table.bits, second->table.bits);
        }
    }
    EXPECT_THROW(product_model("conv2d", 1), std::invalid_argument);
}

/// What an operator does with these operands.
TEST(ProductModel, FastFormsGetOperandsThatTheyAreFor) {
    for (const char *direction : {"fprop", "dgrad", "wgrad"}) {
        const ConvProblem p =
            parse_problem(std::string(direction) + "_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc");
        const bool fprop = p.direction == Direction::kFprop;
        for (const std::string product :
             {"mbm", "mitchell", "mbm_zeros", "mitchell_zeros", "roba"}) {
            for (const bool everything : {false, true}) {
                const ConvValues values = product_values(p, product, 1, everything);
                const bool wgrad = p.direction == Direction::kWgrad;
                const OperandRange pixels = range_of(fprop || wgrad ? values.input : values.output);
                const OperandRange weights = range_of(wgrad ? values.output : values.weight);
                EXPECT_TRUE(products_stay_normal(pixels, weights)) << product;
                EXPECT_TRUE(pixels.has_zero) << product;
                const bool zeros = product == "roba" || product.ends_with("_zeros");
                EXPECT_EQ(weights.has_zero, zeros) << product << " " << direction;
            }
        }
        const ConvValues values = product_values(p, "log_bits", 1, true);
        EXPECT_FALSE(products_stay_normal(range_of(values.input), range_of(values.weight)));
        EXPECT_TRUE(range_of(values.input).has_special);
        const ConvValues usual = product_values(p, "log_bits", 1, false);
        EXPECT_TRUE(products_stay_normal(range_of(usual.input), range_of(usual.weight)));
    }
}

TEST(OrderedSums, OfExactProductsAreTheDefinitions) {
    const Times exact = [](float a, float b) { return a * b; };
    for (const char *text : {"fprop_n2ci4ih5iw6co6kh3kw2s2p1g2_f32_nhwc_bias",
                             "dgrad_n2ci4ih5iw6co6kh3kw2s2p1g2_f32_nhwc",
                             "wgrad_n2ci4ih5iw6co6kh3kw2s2p1g2_f32_nhwc"}) {
        const ConvProblem p = parse_problem(text);
        const ConvValues values = integer_values(p, 3);
        const Values all = in_order(p, values, exact);
        EXPECT_EQ(all, naive_conv2d(p, values)) << text;
        const Values some = results_in_order(p, values, exact, {5, 0});
        EXPECT_EQ(some, (Values{all[5], all[0]})) << text;
    }
}

TEST(OrderedSums, TellZerosOfBothSignsApart) {
    EXPECT_FALSE(same_float(0.0f, -0.0f));
    EXPECT_TRUE(same_float(-0.0f, -0.0f));
    EXPECT_TRUE(same_float(std::nan("1"), std::nan("2")));
    EXPECT_FALSE(same_float(1.0f, std::nan("1")));
}

}  // namespace
}  // namespace convwright
