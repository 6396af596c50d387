// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/modular_rank.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/seed.h"

namespace convwright {
namespace {

TEST(ModularRank, NamesTheFirstIndependentRows) {
    Matrix256 matrix(256);
    EXPECT_TRUE(independent_rows(matrix, 0)->empty());
    matrix[3][7] = 2, matrix[3][9] = -5;
    matrix[10] = matrix[3];
    matrix[20][9] = 1;
    for (size_t b = 0; b < 256; b++) matrix[30][b] = 4 * matrix[3][b] - 9 * matrix[20][b];
    EXPECT_EQ(*independent_rows(matrix, 2), (std::vector<int>{3, 20}));
    EXPECT_FALSE(independent_rows(matrix, 1));
}

TEST(ModularRank, RandomRowsAreIndependent) {
    std::mt19937 random(test_seed());
    Matrix256 matrix(256);
    for (Row256 &row : matrix) {
        for (int64_t &x : row) x = static_cast<int32_t>(random());
    }
    EXPECT_EQ(independent_rows(matrix, 256)->size(), 256u);
    EXPECT_FALSE(independent_rows(matrix, 255));
}

TEST(ModularRank, MultiplesOfASmallPrimeAreNotZero) {
    Matrix256 matrix(256);
    for (size_t a = 0; a < 256; a++) matrix[a][a] = 2147483647;  // 2^31 - 1, the largest int32
    EXPECT_EQ(independent_rows(matrix, 256)->size(), 256u);
}

}  // namespace
}  // namespace convwright
