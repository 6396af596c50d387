// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/classification.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "tests/runtime/multipliers/example_tables.h"
#include "tests/seed.h"

namespace convwright {
namespace {

/// Times of classify() are promised for optimised builds without sanitizers.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr bool kTimed = false;
#else
constexpr bool kTimed = true;
#endif

/// classify(), with what holds of every result.
Classification checked(const Table8 &table, double most_seconds = 1.0) {
    const auto begin = std::chrono::steady_clock::now();
    const Classification c = classify(table);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (kTimed) {
        EXPECT_LT(seconds.count(), most_seconds) << describe(c);
    }
    EXPECT_EQ(why_wrong(c, table), nullptr) << describe(c);
    EXPECT_LE(c.predicted_cost(), kTableCost);
    if (c.rank && c.kind != TableClass::kTable) {
        EXPECT_GE(c.predicted_cost(), *c.rank);
    }
    return c;
}

template<typename Product>
std::string described(bool is_signed, Product product) {
    return describe(checked(magnitude_table(is_signed, product)));
}

TEST(Classification, SpecifiedMultipliersGetTheEngineOfTheirClass) {
    const auto exact = [](int a, int b) { return a * b; };
    EXPECT_EQ(described(false, exact), "exact: rank 1, 3 int8 products");
    EXPECT_EQ(described(true, exact), "exact: rank 1, 1 int8 product");
    EXPECT_EQ(described(false, [](int, int) { return 0; }), "zero: rank 0, 0 int8 products");
    EXPECT_EQ(described(false, roba), "low rank: rank 2, 4 int8 products");
    EXPECT_EQ(described(true, roba), "low rank: rank 2, 2 int8 products");
    EXPECT_EQ(described(false, ama5), "low rank: rank 2, 3 int8 products");
    EXPECT_EQ(described(true, ama5), "low rank: rank 2, 2 int8 products");
    EXPECT_EQ(described(false, kulkarni), "low rank: rank 2, 4 int8 products");
    EXPECT_EQ(described(true, kulkarni), "low rank: rank 2, 2 int8 products");
    for (const bool is_signed : {false, true}) {
        for (const int k : {1, 2, 3, 4, 5, 6}) {
            EXPECT_EQ(described(is_signed, truncated(k)), "transform: rank 1, 1 int8 product") << k;
        }
        for (const int k : {3, 4, 5, 6}) {
            EXPECT_EQ(described(is_signed, drum(k)), "transform: rank 1, 3 int8 products") << k;
        }
        EXPECT_EQ(described(is_signed, mbm()), "table: rank > 20, as 8 int8 products");
        EXPECT_EQ(described(is_signed, mitchell(0)), "table: rank > 20, as 8 int8 products");
    }
    for (const int m : {4, 5, 6}) {
        EXPECT_EQ(described(false, ssm(m)), "transform: rank 1, 3 int8 products") << m;
        EXPECT_EQ(described(true, ssm(m)), "transform: rank 1, 1 int8 product") << m;
    }
}

TEST(Classification, BrokenArraysTakeAsManyProductsAsTheirRank) {
    for (const bool is_signed : {false, true}) {
        for (int k = 1; k <= 7; k++) {
            EXPECT_EQ(described(is_signed, broken_array(k)),
                      "low rank: rank " + std::to_string(k + 1) + ", " + std::to_string(k + 1) +
                          " int8 products");
        }
        EXPECT_EQ(described(is_signed, broken_array(8)), "low rank: rank 7, 7 int8 products");
    }
}

TEST(Classification, AProductOfZeroNeedNotBeZero) {
    const Table8 table = table_of(true, [](int a, int b) { return a * b + 3 * (b & 31) - 7; });
    const Classification c = checked(table);
    EXPECT_EQ(c.kind, TableClass::kLowRank);
    EXPECT_EQ(c.predicted_cost(), 2);
    EXPECT_EQ(checked(table_of(false, [](int, int) { return 9; })).kind, TableClass::kTransform);
}

TEST(Classification, OperandsKeepTheirOrder) {
    const Table8 table = magnitude_table(true, [](int a, int b) { return (a & 0xF0) * b; });
    const Classification c = checked(table);
    EXPECT_EQ(c.kind, TableClass::kTransform);
    EXPECT_EQ(c.transform.activation[0x35], 3);
    EXPECT_EQ(c.transform.weight[0x35], 0x35);
}

TEST(Classification, RandomTablesGoToTheTableEngineAtOnce) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 20; i++) {
        const Table8 table = table_of(i % 2 == 0, [&](int, int) { return random(); });
        EXPECT_EQ(describe(checked(table, 0.05)), "table: rank > 20, as 8 int8 products");
    }
}

TEST(Classification, RandomLowRankTablesAreDecidedByTheirCost) {
    std::mt19937 random(test_seed());
    for (int rank = 1; rank <= 20; rank++) {
        for (const int most : {1, 127, 1000, 10000}) {
            const Classification c = checked(random_low_rank(rank % 3 == 0, rank, most, random));
            EXPECT_EQ(c.rank, rank);
            const int products = most > 127 ? 4 * rank : rank;
            EXPECT_EQ(c.kind, products > kTableCost ? TableClass::kTable
                              : rank == 1           ? TableClass::kTransform
                                                    : TableClass::kLowRank)
                << rank << " " << most;
        }
    }
}

TEST(Classification, TheCostOfTheTableEngineIsTheCallers) {
    std::mt19937 random(test_seed());
    const Table8 table = random_low_rank(true, 12, 100, random);
    EXPECT_EQ(describe(classify(table)), "table: rank 12, as 8 int8 products");
    EXPECT_EQ(describe(classify(table, 12)), "low rank: rank 12, 12 int8 products");
    EXPECT_EQ(classify(magnitude_table(true, roba), 1).kind, TableClass::kTable);
    EXPECT_EQ(classify(magnitude_table(false, roba), 3).kind, TableClass::kTable);
}

TEST(Classification, OneChangedEntryIsNeverOverlooked) {
    std::mt19937 random(test_seed());
    for (const bool is_signed : {false, true}) {
        const Table8 tables[] = {table_of(is_signed, [](int, int) { return 0; }),
                                 table_of(is_signed, [](int a, int b) { return a * b; }),
                                 magnitude_table(is_signed, truncated(3)),
                                 magnitude_table(is_signed, roba),
                                 magnitude_table(is_signed, broken_array(8))};
        for (const Table8 &table : tables) {
            const Classification before = checked(table);
            for (const int difference : {1, -2000}) {
                Table8 changed = table;
                changed.values[random() % Table8::kEntries] += difference;
                EXPECT_NE(why_wrong(before, changed), nullptr) << describe(before);
                EXPECT_EQ(checked(changed).rank, *before.rank + 1);
            }
        }
    }
}

}  // namespace
}  // namespace convwright
