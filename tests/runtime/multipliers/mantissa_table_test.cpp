// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/mantissa_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/seed.h"

namespace convwright {
namespace {

/// Exact products of fractions of `bits` bits, which float32 holds for up to 11.
MantissaTable exact_table(int bits) {
    const int side = 1 << bits;
    std::vector<int32_t> entries;
    for (int i = 0; i < side; i++) {
        for (int j = 0; j < side; j++) {
            const double g =
                (1 + static_cast<double>(i) / side) * (1 + static_cast<double>(j) / side);
            const bool carry = g >= 2;
            const double fraction = (carry ? g / 2 : g) - 1;
            entries.push_back(static_cast<int32_t>(std::ldexp(fraction, 23)) | carry << 23);
        }
    }
    return *make_mantissa_table(entries.data(), entries.size()).table;
}

TEST(MantissaTable, OfExactProductsIsTheProductOfCutOperands) {
    std::mt19937 random(test_seed());
    for (const int bits : {1, 4, 7, 11}) {
        const MantissaTable table = exact_table(bits);
        EXPECT_EQ(table.bits, bits);
        for (int trial = 0; trial < 10000; trial++) {
            const auto draw = [&] {
                const float fraction = 1 + static_cast<float>(random() % (1 << bits)) / (1 << bits);
                const int exponent = static_cast<int>(random() % 100) - 50;
                return std::ldexp(random() % 2 ? fraction : -fraction, exponent);
            };
            const float a = draw(), b = draw();
            EXPECT_EQ(table_product(table, a, b), a * b)
                << a << " * " << b << ", " << bits << " bits";
            // What is cut away does not count.
            const float longer = std::nextafter(a, 2 * a);
            EXPECT_EQ(table_product(table, longer, b), a * b) << longer << " * " << b;
        }
    }
}

TEST(MantissaTable, HasRowsOfTheActivation) {
    std::vector<int32_t> entries(4);
    entries[1] = 1 << 22;  // activation 1.0, weight 1.5
    const MantissaTable table = *make_mantissa_table(entries.data(), 4).table;
    EXPECT_EQ(table_product(table, 1.0f, 1.5f), 1.5f);
    EXPECT_EQ(table_product(table, 1.5f, 1.0f), 1.0f);
}

TEST(MantissaTable, TakesSpecialsAsTheLogFamilyDoes) {
    const float inf = std::numeric_limits<float>::infinity();
    const MantissaTable table = exact_table(3);
    EXPECT_EQ(table_product(table, inf, -2.0f), -inf);
    EXPECT_TRUE(std::isnan(table_product(table, inf, 0.0f)));
    EXPECT_FALSE(std::signbit(table_product(table, -0.0f, 2.0f)));
    EXPECT_EQ(table_product(table, 1e-40f, 1e30f), 0.0f);
    EXPECT_EQ(table_product(table, 1e-30f, 1e-30f), 0.0f);
    EXPECT_EQ(table_product(table, 1e30f, -1e30f), -inf);
    // The carry alone may save a product from underflow.
    EXPECT_EQ(table_product(table, std::ldexp(1.5f, -100), std::ldexp(1.5f, -27)),
              std::ldexp(2.25f, -127));
}

TEST(MantissaTable, RefusesOtherSizesAndEntries) {
    const std::vector<int32_t> entries(17, 0);
    EXPECT_EQ(make_mantissa_table(entries.data(), 17).error,
              "a table of fractions of m bits has 4^m entries, m from 1 to 11, not 17");
    EXPECT_FALSE(make_mantissa_table(entries.data(), 1).table);
    std::vector<int32_t> wrong(16, 0);
    wrong[5] = 1 << 24;
    EXPECT_EQ(
        make_mantissa_table(wrong.data(), 16).error,
        "entry 5 of the table of fractions is 16777216, it must be a carry bit and 23 fraction "
        "bits, 0 to 16777215");
    wrong[5] = -1;
    EXPECT_FALSE(make_mantissa_table(wrong.data(), 16).table);
}

}  // namespace
}  // namespace convwright
