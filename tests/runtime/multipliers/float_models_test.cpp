// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/float_models.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "runtime/multipliers/integer_models.h"
#include "tests/runtime/multipliers/literal_models.h"
#include "tests/seed.h"

namespace convwright {
namespace {

constexpr int kPairs = 200000;

/// Calls check(a, b) with pairs of moderate numbers, then with pairs of any finite floats.
template<typename Check>
void for_random_pairs(Check check) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 2 * kPairs; i++) {
        const bool any = i >= kPairs;
        const float a = any ? any_float(random) : moderate_float(random);
        const float b = any ? any_float(random) : moderate_float(random);
        if (!std::isfinite(a) || !std::isfinite(b)) continue;
        ASSERT_NO_FATAL_FAILURE(check(a, b)) << pair_text(a, b);
    }
}

void expect_same(float actual, float expected) {
    ASSERT_TRUE(same(actual, expected)) << std::hexfloat << actual << " is not " << expected;
}

uint32_t significand_of(float a) { return fraction_of(a) | 0x800000; }

TEST(FloatModels, MbmEqualsItsPseudocode) {
    for_random_pairs([](float a, float b) {
        for (int t = 0; t <= 22; t++) {
            ASSERT_NO_FATAL_FAILURE(expect_same(mbm_f32(a, b, t), literal_mbm_f32(a, b, t)))
                << "t = " << t;
        }
    });
}

TEST(FloatModels, MbmAndMitchellEqualTheirAlgebra) {
    for_random_pairs([](float a, float b) {
        expect_same(mbm_f32(a, b, 0), algebra_mbm(a, b));
        const float mitchell = algebra_product(a, b, {fraction_of(a), fraction_of(b), 0, 0});
        expect_same(mitchell_f32(a, b), mitchell);
        expect_same(pam_f32(a, b), mitchell);
    });
}

TEST(FloatModels, MbmWithDroppedBitsEqualsItsAlgebra) {
    for_random_pairs([](float a, float b) {
        for (int t : {1, 7, 16, 17, 18, 19, 20, 22}) {
            const auto drop = [=](int64_t v) { return v >> t << t; };
            const auto edited = [=](float v) {
                return static_cast<uint32_t>(drop(fraction_of(v)) | int64_t{1} << t);
            };
            // From t = 17 on the correction and its half lose different bits.
            const int64_t low = t >= 16 ? drop(0xA0000) : 0xA0000;
            const int64_t high = t >= 16 ? 2 * drop(0x50000) : 0xA0000;
            ASSERT_NO_FATAL_FAILURE(expect_same(
                mbm_f32(a, b, t), algebra_product(a, b, {edited(a), edited(b), low, high})))
                << "t = " << t;
        }
    });
}

TEST(FloatModels, MbmLeavesTheCorrectionOutInTheCornerOnly) {
    // g + 5/64 >= 4 needs x + y >= 1.9609375: the corner of the square of fractions.
    std::mt19937 random(test_seed());
    int left_out = 0;
    for (int i = 0; i < kPairs; i++) {
        const auto draw = [&] {
            return 1.96f + 0.04f * static_cast<float>(random() % 4096) / 4096;
        };
        const float a = draw(), b = draw();
        const double g = 2 * (static_cast<double>(a) - 1 + b - 1);
        const bool corner = g + 5.0 / 64 >= 4;
        left_out += corner;
        ASSERT_TRUE(same(mbm_f32(a, b, 0), algebra_mbm(a, b))) << pair_text(a, b);
        ASSERT_EQ(mbm_f32(a, b, 0) == mitchell_f32(a, b), corner) << pair_text(a, b);
        if (corner) {
            ASSERT_GE(std::min(a, b), 1.9609375f) << pair_text(a, b);
        }
    }
    EXPECT_GT(left_out, kPairs / 4);
    EXPECT_LT(left_out, kPairs);
}

TEST(FloatModels, RealmEqualsItsAlgebra) {
    static constexpr int kTable[4][4] = {{1, 3, 5, 4}, {3, 9, 12, 5}, {5, 12, 9, 3}, {4, 5, 3, 1}};
    for_random_pairs([](float a, float b) {
        const uint32_t x = fraction_of(a), y = fraction_of(b);
        const int64_t s = int64_t{kTable[x / (1 << 21)][y / (1 << 21)]} * (1 << 17);
        expect_same(realm_f32(a, b), algebra_product(a, b, {x, y, s, s}));
    });
}

TEST(FloatModels, LmulAddsItsCorrectionToTheLogarithm) {
    for_random_pairs([](float a, float b) {
        for (int m = 1; m <= 23; m++) {
            const int l = m <= 3 ? m : m == 4 ? 3 : 4;
            const auto truncated = [=](float v) { return fraction_of(v) >> (23 - m) << (23 - m); };
            // log2 of the product is at ea + eb + x + y + 2^-l, piecewise linear between powers.
            const int64_t sum = int64_t{truncated(a)} + truncated(b) + (int64_t{1} << (23 - l));
            const int exponent = static_cast<int>(sum >> 23);
            const double g = 1 + std::ldexp(static_cast<double>(sum & 0x7fffff), -23);
            float expected = 0;
            if (std::min(std::abs(a), std::abs(b)) >= 0x1p-126f) {
                const double p = std::ldexp(g, std::ilogb(a) + std::ilogb(b) + exponent);
                const double sign = std::signbit(a) == std::signbit(b) ? 1 : -1;
                expected = p >= 0x1p128 ? a * b : p < 0x1p-126 ? 0 : static_cast<float>(sign * p);
            }
            ASSERT_NO_FATAL_FAILURE(expect_same(lmul_f32(a, b, m), expected)) << "m = " << m;
        }
        expect_same(lmul_f32(a, b), lmul_f32(a, b, 23));
    });
}

TEST(FloatModels, PamHasASignedPowerOfTwoAsDerivative) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < kPairs; i++) {
        const float a = moderate_float(random), b = moderate_float(random);
        const float next = std::bit_cast<float>(std::bit_cast<uint32_t>(a) + 1);
        const auto carries = [&](float v) { return fraction_of(v) + fraction_of(b) >= 0x800000; };
        if (carries(a) != carries(next)) continue;  // a corner of the piecewise linear function
        const double slope = (static_cast<double>(pam_f32(next, b)) - pam_f32(a, b)) /
                             (static_cast<double>(next) - a);
        const double expected = std::ldexp(b < 0 ? -1.0 : 1.0, std::ilogb(b) + carries(a));
        ASSERT_EQ(slope, expected) << pair_text(a, b);
    }
}

TEST(FloatModels, TransformsMultiplyTheirOperands) {
    for_random_pairs([](float a, float b) {
        for (int k : {1, 2, 4, 6, 11, 12, 13, 23, 24}) {
            expect_same(drum_f32(a, b, k), drum_operand_f32(a, k) * drum_operand_f32(b, k));
            expect_same(truncate_f32(a, b, k),
                        truncate_operand_f32(a, k) * truncate_operand_f32(b, k));
        }
        expect_same(drum_f32(a, b, 24), a * b);
        expect_same(truncate_f32(a, b, 24), a * b);
        if (std::abs(a) < 0x1p-126f) return expect_same(drum_operand_f32(a, 5), a);
        for (int k = 1; k < 24; k++) {
            const int exponent = std::ilogb(a) - 23, dropped = 24 - k;
            const uint32_t kept = significand_of(a) >> dropped << dropped;
            const auto number = [&](uint32_t significand) {
                return std::copysign(std::ldexp(static_cast<float>(significand), exponent), a);
            };
            ASSERT_NO_FATAL_FAILURE(expect_same(truncate_operand_f32(a, k), number(kept)))
                << "kept = " << k;
            ASSERT_NO_FATAL_FAILURE(
                expect_same(drum_operand_f32(a, k), number(kept | 1u << dropped)))
                << "k = " << k;
        }
    });
}

TEST(FloatModels, TransformsOfTwelveBitsHaveExactProducts) {
    // So a fused multiply-add equals product-then-add.
    std::mt19937 random(test_seed());
    for (int i = 0; i < kPairs; i++) {
        const float a = moderate_float(random), b = moderate_float(random);
        ASSERT_EQ(static_cast<double>(drum_f32(a, b, 12)),
                  static_cast<double>(drum_operand_f32(a, 12)) * drum_operand_f32(b, 12))
            << pair_text(a, b);
    }
}

TEST(FloatModels, RobaEqualsItsIntegerModelRoundedOnce) {
    for_random_pairs([](float a, float b) {
        float expected = 0;
        if (std::min(std::abs(a), std::abs(b)) >= 0x1p-126f) {
            const uint64_t p = roba_unsigned(significand_of(a), significand_of(b));
            ASSERT_LT(p, uint64_t{1} << 53);
            const double exact =
                std::ldexp(static_cast<double>(p), std::ilogb(a) + std::ilogb(b) - 46);
            expected = static_cast<float>(std::signbit(a) == std::signbit(b) ? exact : -exact);
        }
        expect_same(roba_f32(a, b), expected);
    });
}

TEST(FloatModels, AxFpmEqualsItsDefinition) {
    for_random_pairs([](float a, float b) {
        float expected = 0;
        if (std::min(std::abs(a), std::abs(b)) >= 1e-36f) {
            const uint64_t A = significand_of(a), B = significand_of(b);
            const uint64_t P = (A & 0x111111) * B + 16 * (A & 0xEEEEEE) * ((B >> 3) & 0x111111);
            const uint64_t top = P >> 48 != 0 ? P >> 25 : P >> 24;
            ASSERT_EQ(top >> 23, 1u);  // bit 47 or 48 is the leading one, always
            const int exponent = std::ilogb(a) + std::ilogb(b) + 1;
            const double value = std::ldexp(static_cast<double>(top), exponent - 23);
            const double finite = exponent < -126 ? 0 : exponent > 127 ? HUGE_VAL : value;
            const bool negative = std::signbit(a) != std::signbit(b) && finite != 0;
            expected = static_cast<float>(negative ? -finite : finite);
        }
        expect_same(ax_fpm_f32(a, b), expected);
    });
}

TEST(FloatModels, AxFpmTakesTheActivationFirst) {
    EXPECT_EQ(ax_fpm_f32(0.856f, 0.471f), static_cast<float>(0.426080584526062));
    EXPECT_NEAR(ax_fpm_f32(0.856f, 0.471f), 0.426080584526062, 5e-16);
    EXPECT_NE(ax_fpm_f32(0.856f, 0.471f), ax_fpm_f32(0.471f, 0.856f));
}

TEST(FloatModels, RoundingToNearestCanReplaceMbmsTruncation) {
    // Of every float32 g in [1, 4): round to nearest of g + (5/64 - 2^-27) truncates g + 5/64.
    const float lowered = 0x1.4p-4f - 0x1p-27f;
    ASSERT_EQ(static_cast<double>(lowered), 5.0 / 64 - 0x1p-27);
    for (uint32_t bits = std::bit_cast<uint32_t>(1.0f); bits < std::bit_cast<uint32_t>(4.0f);
         bits++) {
        const auto g = std::bit_cast<float>(bits);
        const auto v = static_cast<uint32_t>(g * 0x1p23f) + 0xA0000;  // exact: units of 2^-23
        const int dropped = std::bit_width(v) - 24;
        const float truncated = static_cast<float>(v >> dropped << dropped) * 0x1p-23f;
        ASSERT_EQ(g + lowered, truncated) << std::hexfloat << g;
    }
}

TEST(FloatModels, SymmetricExceptAxFpm) {
    for_random_pairs([](float a, float b) {
        expect_same(mitchell_f32(a, b), mitchell_f32(b, a));
        expect_same(mbm_f32(a, b, 0), mbm_f32(b, a, 0));
        expect_same(mbm_f32(a, b, 17), mbm_f32(b, a, 17));
        expect_same(realm_f32(a, b), realm_f32(b, a));
        expect_same(lmul_f32(a, b, 5), lmul_f32(b, a, 5));
        expect_same(drum_f32(a, b, 5), drum_f32(b, a, 5));
        expect_same(truncate_f32(a, b, 5), truncate_f32(b, a, 5));
        expect_same(roba_f32(a, b), roba_f32(b, a));
    });
}

}  // namespace
}  // namespace convwright
