// SPDX-License-Identifier: Apache-2.0
/// Zero, subnormal, overflow, underflow, inf, nan and signs of every float model.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "runtime/multipliers/float_models.h"
#include "tests/runtime/multipliers/literal_models.h"
#include "tests/seed.h"

namespace convwright {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kMax = std::numeric_limits<float>::max();
constexpr float kLeastNormal = 0x1p-126f, kSubnormal = 0x1.8p-128f;

struct NamedModel {
    std::string name;
    std::function<float(float, float)> product;
};

const std::vector<NamedModel> kLogFamily = {
    {"mitchell", mitchell_f32},
    {"pam", pam_f32},
    {"realm", realm_f32},
    {"mbm(0)", [](float a, float b) { return mbm_f32(a, b, 0); }},
    {"mbm(9)", [](float a, float b) { return mbm_f32(a, b, 9); }},
    {"mbm(20)", [](float a, float b) { return mbm_f32(a, b, 20); }},
    {"lmul(23)", [](float a, float b) { return lmul_f32(a, b, 23); }},
    {"lmul(3)", [](float a, float b) { return lmul_f32(a, b, 3); }},
};
const std::vector<NamedModel> kTransforms = {
    {"drum(6)", [](float a, float b) { return drum_f32(a, b, 6); }},
    {"drum(24)", [](float a, float b) { return drum_f32(a, b, 24); }},
    {"truncate(8)", [](float a, float b) { return truncate_f32(a, b, 8); }},
    {"truncate(24)", [](float a, float b) { return truncate_f32(a, b, 24); }},
};
const std::vector<NamedModel> kLowRank = {{"ax_fpm", ax_fpm_f32}, {"roba", roba_f32}};

std::vector<NamedModel> all_models() {
    std::vector<NamedModel> all = kLogFamily;
    all.insert(all.end(), kTransforms.begin(), kTransforms.end());
    all.insert(all.end(), kLowRank.begin(), kLowRank.end());
    return all;
}

const std::vector<float> kNumbers = {0.0f,   kSubnormal, 0x1p-149f, kLeastNormal, 0.3f, 1.0f, 1.5f,
                                     1.999f, 3e5f,       0x1p127f,  kMax,         kInf, kNan};

/// Calls check(a, b) for all pairs of kNumbers in all four quadrants.
template<typename Check>
void for_number_pairs(Check check) {
    for (float a : kNumbers) {
        for (float b : kNumbers) {
            for (float x : {a, -a}) {
                for (float y : {b, -b}) check(x, y);
            }
        }
    }
}

TEST(FloatSpecials, InfAndNanMakeTheExactProduct) {
    for (const NamedModel &model : all_models()) {
        for_number_pairs([&](float a, float b) {
            if (std::isfinite(a) && std::isfinite(b)) return;
            EXPECT_TRUE(same(model.product(a, b), a * b)) << model.name << ": " << pair_text(a, b);
        });
        EXPECT_TRUE(std::isnan(model.product(0.0f, kInf))) << model.name;
        EXPECT_EQ(model.product(-kInf, kSubnormal), -kInf) << model.name;
    }
}

/// Calls check(a, b) where an operand is zero or subnormal and none is inf or nan.
template<typename Check>
void for_pairs_with_zero(Check check) {
    for_number_pairs([&](float a, float b) {
        if (!std::isfinite(a) || !std::isfinite(b)) return;
        if (std::min(std::abs(a), std::abs(b)) < kLeastNormal) check(a, b);
    });
}

TEST(FloatSpecials, ZeroAndSubnormalOperandsMakePlusZero) {
    std::vector<NamedModel> models = kLogFamily;
    models.insert(models.end(), kLowRank.begin(), kLowRank.end());
    for (const NamedModel &model : models) {
        for_pairs_with_zero([&](float a, float b) {
            EXPECT_TRUE(same(model.product(a, b), 0.0f)) << model.name << ": " << pair_text(a, b);
        });
    }
}

TEST(FloatSpecials, TransformsTakeZeroAndSubnormalOperandsAsTheyAre) {
    for_pairs_with_zero([&](float a, float b) {
        EXPECT_TRUE(same(drum_f32(a, b, 6), drum_operand_f32(a, 6) * drum_operand_f32(b, 6)))
            << pair_text(a, b);
        EXPECT_TRUE(same(drum_f32(a, b, 24), a * b)) << pair_text(a, b);
        EXPECT_TRUE(same(truncate_f32(a, b, 24), a * b)) << pair_text(a, b);
    });
    EXPECT_TRUE(same(truncate_f32(-0.0f, 2.0f, 3), -0.0f));
}

TEST(FloatSpecials, SignsMultiplyInAllQuadrants) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 10000; i++) {
        const float a = std::abs(moderate_float(random)), b = std::abs(moderate_float(random));
        for (const NamedModel &model : all_models()) {
            const float p = model.product(a, b);
            ASSERT_GT(p, 0) << model.name << ": " << pair_text(a, b);
            ASSERT_EQ(model.product(-a, b), -p) << model.name << ": " << pair_text(-a, b);
            ASSERT_EQ(model.product(a, -b), -p) << model.name << ": " << pair_text(a, -b);
            ASSERT_EQ(model.product(-a, -b), p) << model.name << ": " << pair_text(-a, -b);
        }
    }
}

TEST(FloatSpecials, ScalesWithPowersOfTwoInTheNormalRange) {
    // The fractions alone make the error, so exponents at the ends of the range are no exception.
    std::mt19937 random(test_seed());
    for (int i = 0; i < 10000; i++) {
        const float a = moderate_float(random), b = moderate_float(random);
        const int up = 125 - std::ilogb(a) - std::ilogb(b), down = -125 - std::ilogb(a * b);
        for (const NamedModel &model : all_models()) {
            for (int shift : {up, down}) {
                const float scaled = std::ldexp(a, shift / 2);
                const float other = std::ldexp(b, shift - shift / 2);
                if (std::min(std::abs(scaled), std::abs(other)) < 1e-36f) continue;
                ASSERT_EQ(model.product(scaled, other), std::ldexp(model.product(a, b), shift))
                    << model.name << ": " << pair_text(scaled, other);
            }
        }
    }
}

TEST(FloatSpecials, LogFamilyUnderflowsToPlusZero) {
    for (const NamedModel &model : kLogFamily) {
        for (float sign : {1.0f, -1.0f}) {
            EXPECT_TRUE(same(model.product(sign * 0x1p-100f, 0x1p-28f), 0.0f)) << model.name;
            EXPECT_TRUE(same(model.product(sign * kLeastNormal, kLeastNormal), 0.0f)) << model.name;
        }
    }
    // The model's product decides: 1.9 * 2^-127 underflows, though 1.45 * 1.45 is 2.1.
    EXPECT_GE(0x1p-60f * 1.45f * (0x1p-67f * 1.45f), kLeastNormal);
    EXPECT_TRUE(same(mitchell_f32(-0x1p-60f * 1.45f, 0x1p-67f * 1.45f), 0.0f));
    // And here 1.001 * 1.96 does not although the exact product is below the least normal number.
    EXPECT_LT(0x1p-60f * 1.001f * (0x1p-67f * 1.96f), kLeastNormal);
    EXPECT_GE(mbm_f32(0x1p-60f * 1.001f, 0x1p-67f * 1.96f, 0), kLeastNormal);
}

TEST(FloatSpecials, LogFamilyOverflowsToTheExactProduct) {
    for (const NamedModel &model : kLogFamily) {
        EXPECT_EQ(model.product(0x1p100f, 0x1p100f), kInf) << model.name;
        EXPECT_EQ(model.product(-kMax, 4.0f), -kInf) << model.name;
        EXPECT_EQ(model.product(-kMax, -kMax), kInf) << model.name;
    }
    // The model overflows, 1.001 + 0.96 + 5/64 > 2, the exact product does not.
    const float a = 0x1p127f * 1.001f, b = 1.96f;
    ASSERT_TRUE(std::isfinite(a * b));
    EXPECT_EQ(mbm_f32(a, b, 0), a * b);
    EXPECT_EQ(mbm_f32(-a, b, 9), -a * b);  // of the operands as given, not of edited ones
    EXPECT_EQ(lmul_f32(a, b, 3), a * b);
    // And here the exact product does, 1.45 * 1.45 > 2, Mitchell's 1.9 does not.
    ASSERT_EQ(0x1p127f * 1.45f * 1.45f, kInf);
    EXPECT_LE(mitchell_f32(0x1p127f * 1.45f, 1.45f), kMax);
}

TEST(FloatSpecials, TransformsAndRobaUnderflowGradually) {
    EXPECT_EQ(drum_f32(0x1p-100f, 0x1p-40f, 1), 0x1p-140f);
    EXPECT_EQ(truncate_f32(0x1.8p-100f, -0x1.8p-40f, 4), -0x1.2p-139f);
    EXPECT_EQ(roba_f32(0x1.4p-100f, 0x1.4p-40f), 0x1.8p-140f);
    EXPECT_EQ(roba_f32(0x1p-100f, -0x1p-100f), -0.0f);
    EXPECT_EQ(drum_f32(kMax, kMax, 4), kInf);
    EXPECT_EQ(truncate_f32(-kMax, kMax, 4), -kInf);
    EXPECT_EQ(roba_f32(-kMax, 2.0f), -kInf);
    EXPECT_EQ(roba_f32(kMax, 1.0f), kMax);  // the power of two beside kMax is no float
}

TEST(FloatSpecials, TransformsPassSpecialsThrough) {
    for (float a : {0.0f, kSubnormal, 0x1p-149f, kInf, kNan}) {
        for (float x : {a, -a}) {
            EXPECT_TRUE(same(drum_operand_f32(x, 5), x));
            EXPECT_TRUE(same(truncate_operand_f32(x, 5), x));
        }
    }
}

TEST(FloatSpecials, AxFpmHasItsOwnLimits) {
    EXPECT_TRUE(same(ax_fpm_f32(-0.9e-36f, 3e37f), 0.0f));
    EXPECT_TRUE(same(ax_fpm_f32(3e37f, -0.9e-36f), 0.0f));
    EXPECT_GT(ax_fpm_f32(1.1e-36f, 3e37f), 0);
    EXPECT_TRUE(same(ax_fpm_f32(-1e-30f, 1e-30f), 0.0f));
    EXPECT_EQ(ax_fpm_f32(-0x1p64f, 0x1p64f), -kInf);
    EXPECT_EQ(ax_fpm_f32(0x1p64f, 0x1p63f), kInf);  // the raised exponent: 2^127 becomes 2^128
    EXPECT_LE(ax_fpm_f32(0x1p63f, 0x1p63f), kMax);
}

TEST(FloatSpecials, Bfloat16IsTheUpperHalf) {
    EXPECT_EQ(truncate_to_bf16(0x1.fffffep0f), 0x1.fep0f);
    EXPECT_EQ(truncate_to_bf16(-0x1.fffffep0f), -0x1.fep0f);
    EXPECT_EQ(truncate_to_bf16(-kInf), -kInf);
    EXPECT_TRUE(same(truncate_to_bf16(-0.0f), -0.0f));
    EXPECT_EQ(truncate_to_bf16(kMax), 0x1.fep127f);
    // A payload in the lower half alone must not become inf.
    EXPECT_TRUE(std::isnan(truncate_to_bf16(std::bit_cast<float>(0x7f800001u))));
    EXPECT_TRUE(std::isnan(truncate_to_bf16(std::bit_cast<float>(0xff80ffffu))));
    std::mt19937 random(test_seed());
    for (int i = 0; i < 100000; i++) {
        const float a = any_float(random);
        const float t = truncate_to_bf16(a);
        ASSERT_EQ(std::bit_cast<uint32_t>(t) & 0xffff, 0u) << std::hexfloat << a;
        ASSERT_TRUE(std::isnan(a) || std::abs(t) <= std::abs(a)) << std::hexfloat << a;
        ASSERT_TRUE(same(truncate_to_bf16(t), t)) << std::hexfloat << a;
    }
}

}  // namespace
}  // namespace convwright
