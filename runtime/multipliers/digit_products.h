// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/multipliers/matrix256.h"

namespace convwright {

/// The table (activation[a] * weight[b]) << shift: one int8 product per multiply-add.
struct DigitProduct {
    std::array<int8_t, 256> activation{}, weight{};  ///< [operand byte].
    int shift = 0;                                   ///< 0..31.
};

/// Least and greatest entry of a vector, and the bits that any entry has set.
struct EntryRange {
    int64_t low = 0, high = 0, bits = 0;

    bool is_zero() const { return bits == 0; }
    EntryRange negated() const { return {-high, -low, -bits}; }
};
EntryRange entry_range(const Row256 &row);

/// The table u[a] * v[b] of integers as int8 products. Both vectors are written in base 256 with
/// digits -128..127, as they are or both negated, which makes digits(u) * digits(v) products. Two
/// vectors of two digits within -256..254 need three instead of four, after Karatsuba: with x = p + 2 q,
/// y = s + 2 t it is x y = -p s + 2 (p + q)(s + t) + 2 q t. For vectors that no other term shares
/// this is the least for factors of one digit; fewer than three are not known for two by two.
int products_needed(const EntryRange &u, const EntryRange &v);

/// Appends them, shifted by `shift`; digits that are all zero give none.
void append_products(const Row256 &u, const Row256 &v, int shift, std::vector<DigitProduct> &out);

}  // namespace convwright
