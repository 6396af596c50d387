// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/integer_models.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "tests/runtime/multipliers/literal_models.h"
#include "tests/seed.h"

namespace convwright {
namespace {

std::string pair_text(uint64_t a, uint64_t b) {
    return std::to_string(a) + " * " + std::to_string(b);
}

/// Calls check(a, b) for all pairs of bytes.
template<typename Check>
void for_all_bytes(Check check) {
    for (uint64_t a = 0; a < 256; a++) {
        for (uint64_t b = 0; b < 256; b++) {
            ASSERT_NO_FATAL_FAILURE(check(a, b)) << pair_text(a, b);
        }
    }
}

TEST(IntegerModels, MbmEqualsItsPseudocodeOnAllBytes) {
    for (int t = 0; t <= 6; t++) {
        for_all_bytes([=](uint64_t a, uint64_t b) {
            ASSERT_EQ(mbm_unsigned(8, a, b, t), literal_mbm_unsigned(8, a, b, t)) << "t = " << t;
            ASSERT_EQ(mitchell_unsigned(8, a, b, t), literal_mbm_unsigned(8, a, b, t, false))
                << "t = " << t;
        });
    }
}

TEST(IntegerModels, MbmEqualsItsPseudocodeOnMoreBits) {
    std::mt19937_64 random(test_seed());
    for (int bits : {9, 12, 16, 24, 32}) {
        for (int i = 0; i < 200000; i++) {
            // Shifted at random: small numbers as often as large ones.
            const uint64_t mask = (uint64_t{1} << bits) - 1;
            const uint64_t a = (random() & mask) >> random() % bits;
            const uint64_t b = (random() & mask) >> random() % bits;
            const int t = static_cast<int>(random() % (bits - 1));
            ASSERT_EQ(mbm_unsigned(bits, a, b, t), literal_mbm_unsigned(bits, a, b, t))
                << pair_text(a, b) << " in " << bits << " bits, t = " << t;
            ASSERT_EQ(mitchell_unsigned(bits, a, b, t), literal_mbm_unsigned(bits, a, b, t, false))
                << pair_text(a, b) << " in " << bits << " bits, t = " << t;
        }
    }
}

TEST(IntegerModels, MbmBy24BitsIsTheFloatModel) {
    std::mt19937_64 random(test_seed());
    for (int i = 0; i < 200000; i++) {
        const uint64_t a = random() >> 41 | 1 << 23, b = random() >> 41 | 1 << 23;
        const float product = algebra_mbm(static_cast<float>(a), static_cast<float>(b));
        ASSERT_EQ(static_cast<double>(mbm_unsigned(24, a, b, 0) >> 24 << 24),
                  std::floor(static_cast<double>(product) * 0x1p-24) * 0x1p24)
            << pair_text(a, b);
    }
}

TEST(IntegerModels, RealmIsMitchellPlusItsTable) {
    constexpr int kTable[4][4] = {{1, 3, 5, 4}, {3, 9, 12, 5}, {5, 12, 9, 3}, {4, 5, 3, 1}};
    std::mt19937_64 random(test_seed());
    for (int i = 0; i < 200000; i++) {
        const uint64_t a = (random() & 0xffff) | 1, b = (random() & 0xffff) | 1;
        const int k1 = std::bit_width(a) - 1, k2 = std::bit_width(b) - 1;
        const double p = std::ldexp(1.0, k1 + k2);
        const double x = std::ldexp(static_cast<double>(a), -k1) - 1;
        const double y = std::ldexp(static_cast<double>(b), -k2) - 1;
        const double g = 1 + x + y + std::max(x + y - 1, 0.0);
        const double s = kTable[static_cast<int>(4 * x)][static_cast<int>(4 * y)] / 64.0;
        // A 15-bit fraction holds the halved correction of a carry too: one floor, at the end.
        const double expected = std::floor(p * (x + y >= 1 && g + s >= 4 ? g : g + s));
        ASSERT_EQ(static_cast<double>(realm_unsigned(16, a, b)), expected) << pair_text(a, b);
    }
}

TEST(IntegerModels, TransformsKeepTheBitsTheySay) {
    EXPECT_EQ(drum_operand(4, 0b10110110), 0b10110000u);
    EXPECT_EQ(drum_operand(4, 0b10100110), 0b10110000u);
    EXPECT_EQ(drum_operand(4, 0b00010001), 0b00010010u);
    EXPECT_EQ(drum_operand(4, 0b1010), 0b1010u);  // nothing is dropped: exact
    EXPECT_EQ(drum_operand(1, 0b1011), 0b1000u);
    EXPECT_EQ(drum_operand(6, 0), 0u);
    EXPECT_EQ(truncate_operand(8, 3, 0b10111111), 0b10100000u);
    EXPECT_EQ(truncate_operand(8, 3, 0b00011111), 0u);
    EXPECT_EQ(truncate_operand(8, 9, 0b10111111), 0b10111111u);
    EXPECT_EQ(ssm_operand(8, 4, 0b10111111), 0b10110000u);
    EXPECT_EQ(ssm_operand(8, 4, 0b00011111), 0b00010000u);
    EXPECT_EQ(ssm_operand(8, 4, 0b00001111), 0b00001111u);
    EXPECT_EQ(ssm_operand(8, 6, 0b01000111), 0b01000100u);
    EXPECT_EQ(ssm_operand(8, 8, 0b01000111), 0b01000111u);
}

TEST(IntegerModels, TransformsMultiplyTheirOperands) {
    for_all_bytes([](uint64_t a, uint64_t b) {
        for (int k = 1; k <= 8; k++) {
            ASSERT_EQ(drum_unsigned(k, a, b), drum_operand(k, a) * drum_operand(k, b))
                << "k = " << k;
            ASSERT_EQ(truncate_unsigned(8, k, a, b),
                      truncate_operand(8, k, a) * truncate_operand(8, k, b))
                << "kept = " << k;
        }
        for (int m = 4; m <= 8; m++) {
            ASSERT_EQ(ssm_unsigned(8, m, a, b), ssm_operand(8, m, a) * ssm_operand(8, m, b))
                << "m = " << m;
        }
        ASSERT_EQ(drum_unsigned(8, a, b), a * b);
        ASSERT_EQ(truncate_unsigned(8, 8, a, b), a * b);
        ASSERT_EQ(ssm_unsigned(8, 8, a, b), a * b);
    });
}

TEST(IntegerModels, RobaRoundsToTheNearestPowerTiesUp) {
    const uint64_t powers[] = {1, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8, 16};
    for (uint64_t a = 1; a <= 12; a++) EXPECT_EQ(nearest_power_of_two(a), powers[a - 1]) << a;
    for_all_bytes([](uint64_t a, uint64_t b) {
        // log2(3/2) above the power below, the tie, is where the nearest power changes.
        const auto power = [](uint64_t v) {
            return std::exp2(std::floor(std::log2(static_cast<double>(v) * 4 / 3)));
        };
        const double error =
            (power(a) - static_cast<double>(a)) * (power(b) - static_cast<double>(b));
        ASSERT_EQ(static_cast<double>(roba_unsigned(a, b)), static_cast<double>(a * b) - error);
    });
}

TEST(IntegerModels, Ama5SumsItsTwoTerms) {
    for_all_bytes([](uint64_t a, uint64_t b) {
        const uint64_t expected = (a & 0x11) * b + 16 * (a & 0xEE) * ((b >> 3) & 0x11);
        ASSERT_EQ(ama5_unsigned8(a, b), expected);
    });
    EXPECT_NE(ama5_unsigned8(3, 200), ama5_unsigned8(200, 3));
    EXPECT_EQ(ama5_unsigned(24, 0xABCDEF, 0xFEDCBA),
              uint64_t{0xABCDEF & 0x111111} * 0xFEDCBA +
                  16 * uint64_t{0xABCDEF & 0xEEEEEE} * ((0xFEDCBA >> 3) & 0x111111));
}

TEST(IntegerModels, AllButAma5AreSymmetricAndKeepZero) {
    for_all_bytes([](uint64_t a, uint64_t b) {
        const auto check = [&](auto model) {
            ASSERT_EQ(model(a, b), model(b, a));
            ASSERT_EQ(model(a, 0), 0u);
        };
        check([](uint64_t u, uint64_t v) { return mbm_unsigned(8, u, v, 2); });
        check([](uint64_t u, uint64_t v) { return mitchell_unsigned(8, u, v); });
        check([](uint64_t u, uint64_t v) { return realm_unsigned(8, u, v); });
        check([](uint64_t u, uint64_t v) { return drum_unsigned(3, u, v); });
        check([](uint64_t u, uint64_t v) { return truncate_unsigned(8, 3, u, v); });
        check([](uint64_t u, uint64_t v) { return ssm_unsigned(8, 5, u, v); });
        check([](uint64_t u, uint64_t v) { return roba_unsigned(u, v); });
        ASSERT_EQ(ama5_unsigned8(a, 0), 0u);
        ASSERT_EQ(ama5_unsigned8(0, b), 0u);
    });
}

}  // namespace
}  // namespace convwright
