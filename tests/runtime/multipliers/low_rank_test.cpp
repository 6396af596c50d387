// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/low_rank.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "tests/runtime/multipliers/example_tables.h"
#include "tests/seed.h"

namespace convwright {
namespace {

TEST(LowRank, RecoversRandomTablesOfEveryRank) {
    std::mt19937 random(test_seed());
    for (int rank = 1; rank <= 18; rank++) {
        for (const int most : {1, 12, 127}) {
            const Table8 table = random_low_rank(rank % 2 == 0, rank, most, random);
            const auto low_rank = factorise(table);
            ASSERT_TRUE(low_rank) << "rank " << rank << ", factors to " << most;
            EXPECT_EQ(low_rank->rank, rank);
            EXPECT_EQ(low_rank->products(), rank) << "factors to " << most;
            EXPECT_TRUE(is_equal(*low_rank, table));
        }
    }
}

TEST(LowRank, SplitsLargeFactorsIntoDigits) {
    std::mt19937 random(test_seed());
    for (const int rank : {1, 2, 4, 8}) {
        const Table8 table = random_low_rank(false, rank, 10000, random);
        const auto low_rank = factorise(table);
        ASSERT_TRUE(low_rank) << rank;
        EXPECT_EQ(low_rank->products(), 4 * rank);
        EXPECT_TRUE(is_equal(*low_rank, table));
    }
}

TEST(LowRank, FactorsTheErrorTableWhereThatIsCheaper) {
    // a*b + 5 * (a odd): with the exact product, one term; as T alone, a and b do not become less.
    const Table8 table = table_of(true, [](int a, int b) { return a * b + 5 * (a & 1) * (b & 3); });
    const auto low_rank = factorise(table);
    ASSERT_TRUE(low_rank);
    EXPECT_TRUE(low_rank->error_table);
    EXPECT_EQ(low_rank->terms.size(), 1u);
    EXPECT_EQ(low_rank->rank, 2);
}

TEST(LowRank, OneWrongEntryIsOneMoreTerm) {
    std::mt19937 random(test_seed());
    for (const bool is_signed : {false, true}) {
        Table8 table = random_low_rank(is_signed, 3, 100, random);
        const auto before = factorise(table);
        table.values[random() % Table8::kEntries] += 1;
        EXPECT_FALSE(is_equal(*before, table));
        EXPECT_FALSE(factorise(table, 3));
        const auto after = factorise(table);
        ASSERT_TRUE(after);
        EXPECT_EQ(after->rank, 4);
        EXPECT_EQ(after->products(), 4);
        EXPECT_TRUE(is_equal(*after, table));
    }
}

TEST(LowRank, ExtremeEntriesAreNeverWrong) {
    using Limits = std::numeric_limits<int32_t>;
    std::mt19937 random(test_seed());
    std::vector<Table8> tables;
    for (const int32_t value : {Limits::min(), Limits::max(), -1, 1}) {
        tables.push_back(table_of(false, [&](int, int) { return value; }));
        tables.push_back(table_of(true, [&](int a, int b) { return (a ^ b) & 1 ? value : 0; }));
        tables.push_back(
            table_of(true, [&](int a, int b) { return a == 5 && b == -7 ? value : 0; }));
    }
    tables.push_back(table_of(false, [](int a, int b) { return a << 23 ^ (b & 1); }));
    // Two different rows of 32-bit numbers, and all their sums.
    std::vector<int32_t> x(256), y(256);
    for (size_t i = 0; i < 256; i++)
        x[i] = static_cast<int32_t>(random()) / 2, y[i] = static_cast<int32_t>(random()) / 2;
    tables.push_back(table_of(false, [&](int a, int b) {
        const auto i = static_cast<size_t>(b);
        return a % 3 == 0 ? x[i] : a % 3 == 1 ? y[i] : x[i] + y[i];
    }));
    for (size_t i = 0; i < tables.size(); i++) {
        const auto low_rank = factorise(tables[i]);
        // Terms beyond 32 bits may be refused, but whatever comes is right.
        if (low_rank) {
            EXPECT_TRUE(is_equal(*low_rank, tables[i])) << i;
        }
        if (const auto transform = operand_transform(tables[i])) {
            EXPECT_TRUE(is_equal(*transform, tables[i])) << i;
        }
    }
    EXPECT_EQ(factorise(tables[0])->products(), 1);  // -1 << 31
}

TEST(LowRank, TransformsAreTheOperandsThemselves) {
    for (const int k : {3, 4, 5, 6}) {
        const auto transform = operand_transform(magnitude_table(false, drum(k)));
        ASSERT_TRUE(transform);
        EXPECT_EQ(transform->shift, 0);
        for (int x = 0; x < 256; x++) {
            EXPECT_EQ(transform->activation[static_cast<size_t>(x)], drum_operand(x, k));
            EXPECT_EQ(transform->weight[static_cast<size_t>(x)], drum_operand(x, k));
        }
    }
    const auto transform = operand_transform(magnitude_table(true, truncated(4)));
    ASSERT_TRUE(transform);
    EXPECT_EQ(transform->shift, 8);
    EXPECT_EQ(transform->activation[0x7f], 7);
    EXPECT_EQ(transform->weight[0x80], -8);
    EXPECT_FALSE(operand_transform(magnitude_table(true, roba)));
    EXPECT_FALSE(operand_transform(table_of(true, [](int, int) { return 0; })));
}

TEST(LowRank, ForeignTermsAreCompared) {
    const Table8 table = magnitude_table(true, truncated(4));
    LowRank low_rank = *factorise(table);
    OperandTransform transform = *operand_transform(table);
    EXPECT_TRUE(is_equal(low_rank, table));
    for (const int shift : {-1, 32, 9}) {
        low_rank.terms[0].shift = transform.shift = shift;
        EXPECT_FALSE(is_equal(low_rank, table));
        EXPECT_FALSE(is_equal(transform, table));
    }
    transform.activation.fill(std::numeric_limits<int32_t>::min());
    transform.weight.fill(std::numeric_limits<int32_t>::min());
    transform.shift = 31;
    EXPECT_FALSE(is_equal(transform, table));
}

}  // namespace
}  // namespace convwright
