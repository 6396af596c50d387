// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/multipliers/digit_products.h"
#include "runtime/multipliers/table8.h"

namespace convwright {

/// A table as a sum of int8 products, equal to it in every entry:
///   T[a][b] = sum over terms of (activation[a] * weight[b]) << shift
///             + (error_table ? operand(a) * operand(b) : 0).
/// The sum and every partial sum of it fit 64 bits; the sum itself fits 32.
struct LowRank {
    int rank = 0;              ///< Of the table, over the rationals.
    bool error_table = false;  ///< The terms are those of T - a*b. Signed tables only: a byte of an
                               ///< unsigned one is no int8, so there a*b is among the terms.
    std::vector<DigitProduct> terms;

    /// Int8 products for each multiply-add.
    int products() const { return static_cast<int>(terms.size()) + (error_table ? 1 : 0); }
};

/// The rank of a table over the rationals where that is at most `limit`, else nullopt. Certain if
/// greater than the limit; else see independent_rows().
std::optional<int> table_rank(const Table8 &table, int limit);

/// The table of rank one (activation[a] * weight[b]) << shift.
struct OperandTransform {
    /// [operand byte]. Neither has a factor of two in all entries; odd factors are the weight's. The
    /// first activation that is not 0 is positive.
    std::array<int32_t, 256> activation{}, weight{};
    int shift = 0;  ///< 0..31.
};

/// Nullopt unless the rank is 1; equal to the table in every entry.
std::optional<OperandTransform> operand_transform(const Table8 &table);

/// Few int8 products that make the table, or nullopt if its rank exceeds `max_rank` or numbers
/// would not fit. Whatever is returned has been compared with all entries.
///
/// Four lists of integer factors are tried: reduced bases of the lattices of the rows and of the
/// columns, of T, and of T - a*b with the factor a*b. Each is improved by reduce_factors(), as it is
/// and again digit by digit, and the shortest wins.
/// Optimal: the result where products() == rank, as the rank of a sum is at most its terms. In all
/// other cases the number of products is heuristic.
std::optional<LowRank> factorise(const Table8 &table, int max_rank = 20);

/// Whether the sum is the table in all 65,536 entries.
bool is_equal(const LowRank &low_rank, const Table8 &table);
bool is_equal(const OperandTransform &transform, const Table8 &table);

}  // namespace convwright
