// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "runtime/multipliers/low_rank.h"

namespace convwright {

/// What a table is, and so which engine computes it; the first that fits.
enum class TableClass : int {
    kZero = 0,       ///< All entries are 0.
    kExact = 1,      ///< T[a][b] = a * b.
    kTransform = 2,  ///< Rank 1: operands are transformed once, then multiplied exactly.
    kLowRank = 3,    ///< A sum of int8 products that is faster than looking entries up.
    kTable = 4,      ///< Anything else: entries are looked up.
};

const char *table_class_name(TableClass kind) noexcept;  ///< "zero", "exact", "transform", ...

/// What a multiply-add of the table engine costs in int8 products: a core makes 340 G int8 products
/// or 41 G look-ups a second (AVX-512 with VNNI, micro-kernels in L1), rounded down.
constexpr int kTableCost = 8;

/// Ranks above this one are not told apart.
constexpr int kMostRank = 20;

struct Classification {
    TableClass kind = TableClass::kTable;
    int table_cost = kTableCost;  ///< With which it was chosen.
    std::optional<int> rank;      ///< Of the table; nullopt: greater than kMostRank.
    /// kExact, kTransform and kLowRank: the table as int8 products, at most table_cost.
    LowRank low_rank;
    OperandTransform transform;  ///< kTransform only.

    /// Int8 products for each multiply-add, those that one look-up is worth included.
    int predicted_cost() const {
        return kind == TableClass::kTable ? table_cost : low_rank.products();
    }
};

/// Chooses by predicted cost; `table_cost` is that of the table engine at hand. A product of the
/// result is that of the table for all operands. Deterministic, within a second, thread-safe.
Classification classify(const Table8 &table, int table_cost = kTableCost);

/// Null if `c` describes `table` and keeps the contract of its fields, else what is wrong. For
/// kTable there is nothing that could make a product wrong.
const char *why_wrong(const Classification &c, const Table8 &table);

/// "low rank: rank 2, 3 int8 products" or "table: rank > 20, as 8 int8 products".
std::string describe(const Classification &c);

}  // namespace convwright
