// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/digit_products.h"

#include <gtest/gtest.h>

#include <random>

#include "runtime/multipliers/factor_search.h"
#include "tests/seed.h"

namespace convwright {
namespace {

Matrix256 sum_of(const std::vector<DigitProduct> &products) {
    Matrix256 matrix(256);
    for (const DigitProduct &p : products) {
        for (size_t a = 0; a < 256; a++) {
            for (size_t b = 0; b < 256; b++) {
                matrix[a][b] += (int64_t{p.activation[a]} * p.weight[b]) * (int64_t{1} << p.shift);
            }
        }
    }
    return matrix;
}

Matrix256 product(const Row256 &u, const Row256 &v) {
    Matrix256 matrix(256);
    for (size_t a = 0; a < 256; a++) {
        for (size_t b = 0; b < 256; b++) matrix[a][b] = u[a] * v[b];
    }
    return matrix;
}

/// Entries cover the range: byte 0 is its low end, 255 its high end.
Row256 ramp(int64_t low, int64_t high) {
    Row256 row;
    for (int64_t i = 0; i < 256; i++) row[static_cast<size_t>(i)] = low + (high - low) * i / 255;
    return row;
}

TEST(DigitProducts, AsManyAsTheirRangesNeed) {
    const struct {
        int64_t u_low, u_high, v_low, v_high;
        int products;
    } cases[] = {
        {-128, 127, -128, 127, 1}, {-127, 128, 0, 128, 1}, {-128, 127, 0, 128, 2},
        {0, 255, 0, 100, 2},       {0, 255, 0, 255, 3},    {-256, 254, -255, 0, 3},
        {0, 256, 0, 256, 3},       {0, 257, 0, 255, 4},    {-255, 255, 0, 255, 4},
        {0, 32639, 0, 1, 2},       {0, 32640, 0, 127, 2},  {-32640, 32640, 0, 1, 3},
        {-3000, 3000, -500, 1, 4}, {0, 8355711, -1, 1, 3}, {0, 40000, 0, 300, 6},
    };
    for (const auto &c : cases) {
        const Row256 u = ramp(c.u_low, c.u_high), v = ramp(c.v_low, c.v_high);
        EXPECT_EQ(products_needed(entry_range(u), entry_range(v)), c.products)
            << c.u_low << ".." << c.u_high << " times " << c.v_low << ".." << c.v_high;
        std::vector<DigitProduct> products;
        append_products(u, v, 0, products);
        EXPECT_LE(static_cast<int>(products.size()), c.products);
        EXPECT_EQ(sum_of(products), product(u, v));
    }
}

TEST(DigitProducts, EveryNineBitPairInThreeProducts) {
    // -256..254 in two vectors, and each negated: all pairs that Karatsuba's form promises.
    for (const int64_t low : {-256, -1}) {
        for (const bool negated : {false, true}) {
            Row256 u = ramp(low, low + 255);
            if (negated) {
                for (int64_t &x : u) x = -x;
            }
            std::vector<DigitProduct> products;
            append_products(u, u, 0, products);
            EXPECT_LE(products.size(), 3u);
            EXPECT_EQ(sum_of(products), product(u, u));
        }
    }
}

TEST(DigitProducts, ZeroNeedsNone) {
    EXPECT_EQ(products_needed(entry_range(Row256{}), entry_range(ramp(0, 255))), 0);
    std::vector<DigitProduct> products;
    append_products(Row256{}, ramp(0, 255), 0, products);
    EXPECT_TRUE(products.empty());
}

TEST(FactorSearch, KeepsTheSumAndUndoesAScramble) {
    std::mt19937 random(test_seed());
    std::uniform_int_distribution<int> entry(-100, 100), multiple(-3, 3);
    std::vector<Factor> factors(5);
    for (Factor &f : factors) {
        for (int64_t &x : f.u) x = entry(random);
        for (int64_t &x : f.v) x = entry(random);
    }
    const auto all_products = [](const std::vector<Factor> &list) {
        std::vector<DigitProduct> products;
        for (const Factor &f : list) append_products(f.u, f.v, f.shift, products);
        return products;
    };
    const Matrix256 sum = sum_of(all_products(factors));
    for (int i = 0; i < 12; i++) {
        const size_t p = random() % 5, q = (p + 1 + random() % 4) % 5;
        const int x = multiple(random);
        for (size_t k = 0; k < 256; k++) {
            factors[q].v[k] += x * factors[p].v[k];
            factors[p].u[k] -= x * factors[q].u[k];
        }
    }
    EXPECT_GT(products_needed(factors), 5);
    EXPECT_EQ(sum_of(all_products(factors)), sum);
    factors = reduce_factors(factors, 10, 5);
    EXPECT_EQ(products_needed(factors), 5);
    EXPECT_EQ(sum_of(all_products(factors)), sum);
}

TEST(FactorSearch, MergesAndDropsDependentFactors) {
    std::vector<Factor> factors = {{ramp(0, 100), ramp(-20, 20), 0},
                                   {ramp(0, 100), ramp(50, 30), 3},
                                   {Row256{}, ramp(0, 9), 0},
                                   {ramp(0, 100), ramp(-50, -30), 3}};
    factors = reduce_factors(factors, 0, 1);
    EXPECT_LE(factors.size(), 2u);
}

}  // namespace
}  // namespace convwright
