// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "runtime/multipliers/error_figures.h"
#include "runtime/multipliers/float_models.h"
#include "runtime/multipliers/integer_models.h"

/// The published error figures of sampled operands, and how they are measured.
namespace convwright {

constexpr double kSampled = 0.02;  ///< Tolerance of a mean with two or more decimals, in percent.

/// One row. The published ranges are of samples or rounded to a percent; here the extremes are
/// found, so `range_tolerance` (in percent) is about the publication, not about luck. NaN: none.
struct ErrorRow {
    const char *multiplier;
    const char *operands;  ///< "float32", "bfloat16", or "uint16".
    ErrorFigures published;
    double mean_tolerance = kSampled, range_tolerance = 0.1;
};

inline void PrintTo(const ErrorRow &row, std::ostream *out) {
    *out << row.multiplier << " in " << row.operands;
}

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
inline const ErrorRow kErrorRows[] = {
    {"mbm", "uint16", {2.582, -0.096, -7.64, 7.81}},
    {"mbm(8)", "uint16", {2.604, -0.086, -8.58, 9.35}},
    {"mitchell", "float32", {3.849, -3.849, -11.11, 0}},
    {"mbm", "float32", {2.580, -0.094, kNone, kNone}},
    {"mbm(16)", "float32", {2.602, -0.093, kNone, kNone}},
    // 25 is reached at 1 * 1 alone: a published sample stops short of it.
    {"mbm(20)", "float32", {6.914, -3.857, -23.8, 24.8}, kSampled, 0.2},
    {"drum(4)", "uint16", {5.89, 0.53, -19, 27}, kSampled, 0.5},
    {"drum(6)", "uint16", {1.468, 0.043, -5.75, 6.29}},
    {"drum(4)", "float32", {5.89, 0.53, -19, 27}, kSampled, 0.5},
    {"drum(6)", "float32", {1.468, 0.043, -5.75, 6.29}},
    {"realm", "uint16", {1.382, -0.023, -5.7, 5.2}},
    {"realm", "float32", {1.382, -0.023, -5.7, 5.2}},
    {"lmul(7)", "bfloat16", {2.65, 0.41, -7.3, 6.25}},
    {"lmul", "float32", {2.65, 0.41, -7.3, 6.25}},
    {"ax_fpm", "float32", {41, 38, -48, 100}, 0.5, 0.5},
};

/// What the product of a row is: of 16-bit cores, or of a format. Floats hold 16 bits exactly.
inline double row_product(const ErrorRow &row, const Multiplier &m, float a, float b) {
    if (const auto format = find_number_format(row.operands)) return product(m, *format, a, b);
    const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
    const uint64_t p = m.model == Model::kMbm    ? mbm_unsigned(16, ua, ub, m.parameter)
                       : m.model == Model::kDrum ? drum_unsigned(m.parameter, ua, ub)
                                                 : realm_unsigned(16, ua, ub);
    return static_cast<double>(p);
}

/// Non-zero 16-bit operands, uniform.
inline ErrorFigures sampled_error16(const ErrorRow &row, const Multiplier &m, int64_t count,
                                    uint64_t seed) {
    std::mt19937_64 random(seed);
    ErrorTally tally;
    for (int64_t i = 0; i < count; i++) {
        const uint64_t bits = random();
        const auto a = static_cast<float>(bits & 0xffff),
                   b = static_cast<float>(bits >> 16 & 0xffff);
        if (a != 0 && b != 0) tally.add(row_product(row, m, a, b), static_cast<double>(a) * b);
    }
    return tally.figures();
}

/// Where the extremes of piecewise smooth errors are: fractions of i/256 and the next ones below,
/// as operands from 2^15 to 2^16, which are integers for 16-bit cores.
inline ErrorFigures breakpoint_error(const ErrorRow &row, const Multiplier &m) {
    const std::string operands = row.operands;
    const float last_place = operands == "float32" ? 0x1p-8f : 1;
    std::vector<float> points;
    for (int i = 0; i < 256; i++) {
        const auto point = static_cast<float>((1 << 15) + (i << 7));
        for (float v : {point, point + 128 - last_place}) {
            points.push_back(operands == "bfloat16" ? truncate_to_bf16(v) : v);
        }
    }
    ErrorTally tally;
    for (float a : points) {
        for (float b : points) tally.add(row_product(row, m, a, b), static_cast<double>(a) * b);
    }
    return tally.figures();
}

/// Measures a row, the means with `count` pairs, and compares.
inline void check_error_row(const ErrorRow &row, int64_t count, uint64_t seed) {
    const auto m = std::get<Multiplier>(parse_multiplier(row.multiplier));
    const auto format = find_number_format(row.operands);
    const ErrorFigures sampled =
        format ? sampled_error(m, *format, count, seed) : sampled_error16(row, m, count, seed);
    const ErrorFigures extremes = breakpoint_error(row, m);
    const double min = std::min(sampled.min, extremes.min);
    const double max = std::max(sampled.max, extremes.max);
    SCOPED_TRACE(std::string(row.multiplier) + " in " + row.operands + ", " +
                 std::to_string(count) + " pairs, seed " + std::to_string(seed) + ": mean abs " +
                 std::to_string(sampled.mean_abs) + ", bias " + std::to_string(sampled.bias) +
                 ", range " + std::to_string(min) + " to " + std::to_string(max));
    EXPECT_NEAR(sampled.mean_abs, row.published.mean_abs, row.mean_tolerance);
    EXPECT_NEAR(sampled.bias, row.published.bias, row.mean_tolerance);
    if (std::isnan(row.published.min)) return;
    EXPECT_NEAR(min, row.published.min, row.range_tolerance);
    EXPECT_NEAR(max, row.published.max, row.range_tolerance);
}

}  // namespace convwright
