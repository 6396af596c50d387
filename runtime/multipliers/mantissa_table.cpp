// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/mantissa_table.h"

#include <cstring>

namespace convwright {
namespace {

constexpr uint32_t kMagnitude = 0x7fffffff, kInfinity = 0x7f800000, kLeastNormal = 0x00800000;
constexpr uint32_t kFraction = 0x007fffff;
constexpr int kFractionBits = 23, kBias = 127;

uint32_t to_bits(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

}  // namespace

int mantissa_table_bits(size_t count) {
    int bits = MantissaTable::kMostBits;
    while (bits > 0 && size_t{1} << (2 * bits) != count) bits--;
    return bits;
}

MantissaTableResult make_mantissa_table(const int32_t *entries, size_t count) {
    const int bits = mantissa_table_bits(count);
    if (bits == 0) {
        return {std::nullopt,
                "a table of fractions of m bits has 4^m entries, m from 1 to 11, not " +
                    std::to_string(count)};
    }
    for (size_t i = 0; i < count; i++) {
        if (entries[i] >= 0 && entries[i] < 1 << (kFractionBits + 1)) continue;
        return {std::nullopt, "entry " + std::to_string(i) + " of the table of fractions is " +
                                  std::to_string(entries[i]) +
                                  ", it must be a carry bit and 23 fraction bits, 0 to 16777215"};
    }
    return {MantissaTable{bits, {entries, entries + count}}, ""};
}

float table_product(const MantissaTable &table, float a, float b) {
    const uint32_t ua = to_bits(a), ub = to_bits(b), ma = ua & kMagnitude, mb = ub & kMagnitude;
    if (ma >= kInfinity || mb >= kInfinity) return a * b;
    if (ma < kLeastNormal || mb < kLeastNormal) return 0.0f;
    const int dropped = kFractionBits - table.bits;
    const size_t row = (ma & kFraction) >> dropped, column = (mb & kFraction) >> dropped;
    const int64_t exponents =
        static_cast<int64_t>(ma >> kFractionBits) + (mb >> kFractionBits) - kBias;
    const int64_t bits = (exponents << kFractionBits) + table.entries[(row << table.bits) + column];
    if (bits < kLeastNormal) return 0.0f;
    if (bits >= kInfinity) return a * b;
    const uint32_t result = static_cast<uint32_t>(bits) | ((ua ^ ub) & ~kMagnitude);
    float value;
    std::memcpy(&value, &result, sizeof value);
    return value;
}

}  // namespace convwright
