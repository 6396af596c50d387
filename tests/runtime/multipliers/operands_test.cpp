// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "runtime/multipliers/float_models.h"
#include "runtime/multipliers/operand_edit.h"
#include "runtime/multipliers/operand_range.h"
#include "tests/seed.h"

namespace convwright {
namespace {

uint32_t bits_of(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

std::vector<float> some_operands() {
    const float inf = std::numeric_limits<float>::infinity();
    std::vector<float> values{0.0f, -0.0f,  1.0f,    -1.0f, inf,
                              -inf, 1e-40f, -3e-39f, 3e38f, 1.99999f};
    std::mt19937 random(test_seed());
    for (int i = 0; i < 10000; i++) {
        const uint32_t bits = random();
        float value;
        std::memcpy(&value, &bits, sizeof value);
        if (!std::isnan(value)) values.push_back(value);
    }
    return values;
}

TEST(OperandEdit, IsWhatTheModelsDoToTheirOperands) {
    for (const float value : some_operands()) {
        for (int k = 1; k <= 24; k++) {
            const OperandEdit drum = operand_edit({Model::kDrum, k}, NumberFormat::kFloat32);
            EXPECT_EQ(bits_of(drum(value)), bits_of(drum_operand_f32(value, k)))
                << value << ", k = " << k;
            const OperandEdit cut = operand_edit({Model::kTruncate, k}, NumberFormat::kFloat32);
            EXPECT_EQ(bits_of(cut(value)), bits_of(truncate_operand_f32(value, k)))
                << value << ", kept = " << k;
            const OperandEdit half = operand_edit({Model::kDrum, k}, NumberFormat::kBfloat16);
            EXPECT_EQ(bits_of(half(value)), bits_of(drum_operand_f32(truncate_to_bf16(value), k)))
                << value << ", k = " << k;
        }
        const OperandEdit bf16 = operand_edit({Model::kMbm, 0}, NumberFormat::kBfloat16);
        EXPECT_EQ(bits_of(bf16(value)), bits_of(truncate_to_bf16(value))) << value;
    }
    const OperandEdit bf16 = operand_edit({Model::kExact, 0}, NumberFormat::kBfloat16);
    EXPECT_TRUE(std::isnan(bf16(std::nanf(""))));
}

TEST(OperandEdit, FollowsTheStridesOfBothSides) {
    const OperandEdit edit = operand_edit({Model::kTruncate, 3}, NumberFormat::kFloat32);
    std::vector<float> from(2 * 3 * 4 * 5), to(from.size());
    for (size_t i = 0; i < from.size(); i++) from[i] = 1.0f + 0.37f * static_cast<float>(i);
    // (n, c, h, w) = (2, 3, 4, 5) from contiguous to channels_last.
    edit_operands(edit, from.data(), {{2, 60}, {3, 20}, {4, 5}, {5, 1}}, to.data(), {60, 1, 15, 3});
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < 4; y++)
                for (int x = 0; x < 5; x++) {
                    EXPECT_EQ(to[n * 60 + c + y * 15 + x * 3],
                              edit(from[n * 60 + c * 20 + y * 5 + x]));
                }
}

TEST(OperandEdit, SaysWhereProductsAreExact) {
    const auto exact = [](Model model, int parameter, NumberFormat format) {
        return edited_products_are_exact({model, parameter}, format);
    };
    EXPECT_TRUE(exact(Model::kDrum, 12, NumberFormat::kFloat32));
    EXPECT_FALSE(exact(Model::kDrum, 13, NumberFormat::kFloat32));
    EXPECT_TRUE(exact(Model::kTruncate, 20, NumberFormat::kBfloat16));
    EXPECT_FALSE(exact(Model::kDrum, 20, NumberFormat::kBfloat16));
}

TEST(OperandRange, FindsExponentsZerosAndSpecials) {
    std::vector<float> data{1.0f, -8.0f, 0.25f, 3.0f, 1.5f, 1.0f};
    const auto range = [&] { return operand_range(data.data(), {{1, 0}, {1, 0}, {2, 3}, {3, 1}}); };
    EXPECT_EQ(range().least, 125);
    EXPECT_EQ(range().greatest, 130);
    EXPECT_FALSE(range().has_zero);
    EXPECT_FALSE(range().has_special);
    data[2] = -0.0f;
    EXPECT_TRUE(range().has_zero);
    EXPECT_EQ(range().least, 127);
    data[3] = 1e-40f;
    EXPECT_TRUE(range().has_zero);
    data[4] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(range().has_special);
    // What lies between the elements is not looked at.
    data = {1.0f, 1e30f, 2.0f, 1e30f};
    EXPECT_EQ(operand_range(data.data(), {{1, 0}, {1, 0}, {1, 0}, {2, 2}}).greatest, 128);
    data = {0.0f, 0.0f, -0.0f};
    const OperandRange zeros = operand_range(data.data(), {{1, 0}, {1, 0}, {1, 0}, {3, 1}});
    EXPECT_GT(zeros.least, zeros.greatest);
    EXPECT_TRUE(products_stay_normal(zeros, {1, 254, false, false}));
}

TEST(OperandRange, ProductsStayNormalOnlyWhereAllDo) {
    const auto stay = [](int a_least, int a_greatest, int b_least, int b_greatest) {
        return products_stay_normal({a_least, a_greatest, false, false},
                                    {b_least, b_greatest, false, false});
    };
    EXPECT_TRUE(stay(100, 140, 100, 140));
    EXPECT_FALSE(stay(60, 140, 60, 140));    // underflow
    EXPECT_FALSE(stay(100, 200, 100, 190));  // overflow
    EXPECT_FALSE(stay(2, 140, 140, 140));    // a packed constant would be subnormal
    EXPECT_FALSE(products_stay_normal({100, 140, false, true}, {100, 140, false, false}));
}

}  // namespace
}  // namespace convwright
