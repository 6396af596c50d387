// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/row_lattice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "runtime/multipliers/modular_rank.h"
#include "tests/seed.h"

namespace convwright {
namespace {

/// Row256s of random entries -most..most.
std::vector<Row256> random_rows(size_t count, int most, std::mt19937 &random) {
    std::uniform_int_distribution<int> entry(-most, most);
    std::vector<Row256> rows(count);
    for (Row256 &row : rows) std::generate(row.begin(), row.end(), [&] { return entry(random); });
    return rows;
}

Matrix256 product(const std::vector<Row256> &u, const std::vector<Row256> &v) {
    Matrix256 matrix(256);
    for (size_t r = 0; r < u.size(); r++) {
        for (size_t a = 0; a < 256; a++) {
            for (size_t b = 0; b < 256; b++) matrix[a][b] += u[r][a] * v[r][b];
        }
    }
    return matrix;
}

int64_t largest(const std::vector<Row256> &rows) {
    int64_t most = 0;
    for (const Row256 &row : rows) {
        for (const int64_t x : row) most = std::max(most, std::abs(x));
    }
    return most;
}

TEST(RowLattice, GeneratesTheRowsWithSmallVectors) {
    std::mt19937 random(test_seed());
    for (size_t rank = 1; rank <= 20; rank++) {
        const auto u = random_rows(rank, 127, random), v = random_rows(rank, 127, random);
        const Matrix256 matrix = product(u, v);
        const auto independent = independent_rows(matrix, 20);
        ASSERT_EQ(independent->size(), rank);
        const auto factors = row_lattice(matrix, *independent);
        ASSERT_TRUE(factors) << "rank " << rank;
        EXPECT_EQ(product(factors->coefficients, factors->basis), matrix);
        // The rows generate what v generates, and nothing in there is shorter than v: 256 random
        // coefficients have 1 as their greatest common divisor in every direction.
        EXPECT_LE(largest(factors->basis), 127);
        EXPECT_LE(largest(factors->coefficients), 127);
    }
}

TEST(RowLattice, FindsASublatticeThatNoRowSpans) {
    // Rows 6 x and 10 x and 15 x are multiples of x, which is none of them.
    Matrix256 matrix(256);
    for (size_t b = 0; b < 256; b++) {
        const auto x = static_cast<int64_t>(b % 7);
        matrix[1][b] = 6 * x, matrix[2][b] = 10 * x, matrix[3][b] = -15 * x;
    }
    const auto factors = row_lattice(matrix, {1});
    ASSERT_TRUE(factors);
    EXPECT_EQ(largest(factors->basis), 6);
    EXPECT_EQ(product(factors->coefficients, factors->basis), matrix);
}

TEST(RowLattice, KeepsTheLargestEntriesExact) {
    std::mt19937 random(test_seed());
    auto u = random_rows(3, 20000, random), v = random_rows(3, 30000, random);
    Matrix256 matrix = product(u, v);
    const auto factors = row_lattice(matrix, *independent_rows(matrix, 3));
    ASSERT_TRUE(factors);
    EXPECT_EQ(product(factors->coefficients, factors->basis), matrix);
}

TEST(RowLattice, RefusesRowsOfAGreaterRank) {
    std::mt19937 random(test_seed());
    const auto rows = random_rows(256, 100, random);
    EXPECT_FALSE(row_lattice(rows, {0, 1}));
    EXPECT_FALSE(row_lattice(rows, {}));
}

TEST(RowLattice, OfZeroRowsIsEmpty) {
    const auto factors = row_lattice(Matrix256(256), {});
    ASSERT_TRUE(factors);
    EXPECT_TRUE(factors->basis.empty());
}

}  // namespace
}  // namespace convwright
