// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/error_figures.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <variant>
#include <vector>

#include "tests/runtime/multipliers/error_rows.h"

namespace convwright {
namespace {

constexpr NumberFormat kI8 = NumberFormat::kInt8, kU8 = NumberFormat::kUint8;

Multiplier parsed(const char *text) { return std::get<Multiplier>(parse_multiplier(text)); }

class ErrorRows : public testing::TestWithParam<ErrorRow> {};

// A fixed seed: the means of 10^6 pairs have standard errors up to 0.008, with tolerances of 0.02.
TEST_P(ErrorRows, AreThePublishedOnes) { check_error_row(GetParam(), 1000000, 1); }

INSTANTIATE_TEST_SUITE_P(Sampled, ErrorRows, testing::ValuesIn(kErrorRows));

TEST(ErrorFigures, OfMitchellOnBytes) {
    const ErrorFigures e = exhaustive_error(parsed("mitchell"), kU8);
    EXPECT_NEAR(e.mean_abs, 3.788, 0.0005);
    EXPECT_NEAR(e.bias, -3.788, 0.0005);
    EXPECT_NEAR(e.min, -11.11, 0.005);
    EXPECT_EQ(e.max, 0);
}

TEST(ErrorFigures, OfMbmOnBytes) {
    const ErrorFigures e = exhaustive_error(parsed("mbm"), kU8);
    EXPECT_NEAR(e.mean_abs, 2.7107, 0.00005);
    EXPECT_NEAR(e.bias, 0.0473, 0.00005);
    EXPECT_NEAR(e.min, -11.11, 0.005);
    EXPECT_NEAR(e.max, 7.8125, 1e-9);
}

TEST(ErrorFigures, OfControls) {
    for (NumberFormat format : {kI8, kU8}) {
        const ErrorFigures exact = exhaustive_error(parsed("exact"), format);
        EXPECT_EQ(exact.mean_abs, 0);
        EXPECT_EQ(exact.max - exact.min, 0);
        const ErrorFigures zeros = exhaustive_error(parsed("zeros"), format);
        EXPECT_EQ(zeros.mean_abs, 100);
        EXPECT_EQ(zeros.bias, -100);
    }
}

TEST(ErrorFigures, OfSignedBytesAreThoseOfTheirMagnitudes) {
    // Magnitudes 1 to 127 come twice, 128 once.
    ErrorTally tally;
    for (int a = -128; a < 128; a++) {
        for (int b = -128; b < 128; b++) {
            if (a * b != 0) tally.add(product(parsed("mbm"), kI8, a, b), a * b);
        }
    }
    const ErrorFigures e = exhaustive_error(parsed("mbm"), kI8);
    EXPECT_NEAR(e.mean_abs, tally.figures().mean_abs, 1e-9);
    EXPECT_NEAR(e.bias, tally.figures().bias, 1e-9);
    EXPECT_EQ(e.min, tally.figures().min);
    EXPECT_EQ(e.max, tally.figures().max);
}

TEST(ErrorFigures, OfAnyTable) {
    std::vector<int32_t> table = product_table(parsed("exact"), kI8);
    table[255 * 256 + 2] = -3;  // -1 * 2
    const ErrorFigures e = exhaustive_error(table, true);
    EXPECT_EQ(e.max, 50);
    EXPECT_EQ(e.min, 0);
    EXPECT_NEAR(e.bias, 50.0 / (255 * 255), 1e-12);
    table.pop_back();
    EXPECT_THROW(exhaustive_error(table, true), std::invalid_argument);
}

TEST(ErrorFigures, OfNoPairsAreZero) {
    const ErrorFigures e = sampled_error(parsed("mbm"), NumberFormat::kFloat32, 0);
    EXPECT_EQ(e.mean_abs, 0);
    EXPECT_EQ(e.min, 0);
}

TEST(ErrorFigures, ThrowWhereTheMultiplierDoesNotExist) {
    EXPECT_THROW(exhaustive_error(parsed("pam"), kI8), std::invalid_argument);
    EXPECT_THROW(exhaustive_error(parsed("mbm"), NumberFormat::kFloat32), std::invalid_argument);
    EXPECT_THROW(sampled_error(parsed("mbm"), kI8, 1), std::invalid_argument);
}

TEST(ErrorFigures, AreAFunctionOfTheSeed) {
    const auto sample = [](uint64_t seed) {
        return sampled_error(parsed("mbm"), NumberFormat::kFloat32, 1000, seed).bias;
    };
    EXPECT_EQ(sample(1), sample(1));
    EXPECT_NE(sample(1), sample(2));
}

}  // namespace
}  // namespace convwright
