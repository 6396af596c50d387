// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/error_figures.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <string>

#include "runtime/multipliers/float_models.h"

namespace convwright {

void ErrorTally::add(double approximate, double exact) {
    const double error = 100 * (approximate - exact) / exact;
    min_ = count_ == 0 ? error : std::min(min_, error);
    max_ = count_ == 0 ? error : std::max(max_, error);
    sum_ += error;
    sum_abs_ += std::abs(error);
    count_++;
}

ErrorFigures ErrorTally::figures() const {
    if (count_ == 0) return {};
    const auto count = static_cast<double>(count_);
    return {sum_abs_ / count, sum_ / count, min_, max_};
}

ErrorFigures exhaustive_error(const Multiplier &multiplier, NumberFormat format) {
    return exhaustive_error(product_table(multiplier, format), format == NumberFormat::kInt8);
}

ErrorFigures exhaustive_error(const std::vector<int32_t> &table, bool is_signed) {
    if (table.size() != 256 * 256) {
        throw std::invalid_argument("a table of 8-bit products has 65536 entries, this one " +
                                    std::to_string(table.size()) + ".");
    }
    const auto operand = [=](int byte) { return is_signed && byte >= 128 ? byte - 256 : byte; };
    ErrorTally tally;
    for (int a = 1; a < 256; a++) {
        for (int b = 1; b < 256; b++) {
            tally.add(table[static_cast<size_t>(a * 256 + b)], operand(a) * operand(b));
        }
    }
    return tally.figures();
}

ErrorFigures sampled_error(const Multiplier &multiplier, NumberFormat format, int64_t count,
                           uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto draw = [&] {
        const uint64_t bits = random();
        const auto significand = static_cast<float>(1 << 23 | (bits & 0x7fffff));
        const int exponent = static_cast<int>((bits >> 32 & 0x7fffffff) % 33) - 16 - 23;
        const float operand = std::ldexp(bits >> 63 ? -significand : significand, exponent);
        return format == NumberFormat::kBfloat16 ? truncate_to_bf16(operand) : operand;
    };
    ErrorTally tally;
    for (int64_t i = 0; i < count; i++) {
        const float a = draw(), b = draw();
        tally.add(product(multiplier, format, a, b), static_cast<double>(a) * b);
    }
    return tally.figures();
}

}  // namespace convwright
