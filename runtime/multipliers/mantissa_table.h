// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convwright {

/// A float multiplier by a table of its fractions. Both are cut to `bits`; entry [i << bits | j] stands
/// for 1.i * 1.j, scaled to [1, 2): bit 23 is 1 where the product is 2 or more, the bits below are
/// the fraction of the result. Exponents and signs are added outside.
struct MantissaTable {
    static constexpr int kMostBits = 11;  ///< 16 MB of entries.

    int bits = 0;
    std::vector<int32_t> entries;  ///< 4^bits of them.
};

/// A table, or one sentence that says why there is none.
struct MantissaTableResult {
    std::optional<MantissaTable> table;
    std::string error;
};

/// Of fractions in a table of `count` entries; 0 if a table has another number of them.
int mantissa_table_bits(size_t count);

/// The table of `count` entries, [activation][weight].
MantissaTableResult make_mantissa_table(const int32_t *entries, size_t count);

/// The product: +0 where an operand is zero or subnormal and on underflow, the exact product where
/// one is infinity or NaN and on overflow, as the log family has it.
float table_product(const MantissaTable &table, float a, float b);

}  // namespace convwright
