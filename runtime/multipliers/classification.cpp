// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/classification.h"

#include <algorithm>

namespace convwright {
namespace {

bool is_zero(const Table8 &table) {
    return std::all_of(table.values.begin(), table.values.end(), [](int32_t v) { return v == 0; });
}

bool is_exact(const Table8 &table) {
    LowRank exact;
    exact.error_table = true;
    return is_equal(exact, table);
}

}  // namespace

const char *table_class_name(TableClass kind) noexcept {
    constexpr const char *kNames[] = {"zero", "exact", "transform", "low rank", "table"};
    return kNames[static_cast<int>(kind)];
}

Classification classify(const Table8 &table, int table_cost) {
    Classification c;
    c.table_cost = table_cost;
    c.rank = table_rank(table, kMostRank);
    if (c.rank == 0 && is_zero(table)) {
        c.kind = TableClass::kZero;
        return c;
    }
    // Every engine but the table's makes at least as many products as the rank.
    if (!c.rank || *c.rank > table_cost) return c;
    auto low_rank = factorise(table, *c.rank);
    if (!low_rank || low_rank->products() > table_cost) return c;
    c.low_rank = std::move(*low_rank);
    c.kind = TableClass::kLowRank;
    if (*c.rank != 1) return c;
    if (is_exact(table)) {
        c.kind = TableClass::kExact;
    } else if (auto transform = operand_transform(table)) {
        c.transform = *transform;
        c.kind = TableClass::kTransform;
    }
    return c;
}

const char *why_wrong(const Classification &c, const Table8 &table) {
    switch (c.kind) {
        case TableClass::kTable:
            return nullptr;
        case TableClass::kZero:
            return is_zero(table) ? nullptr : "an entry is not 0";
        case TableClass::kExact:
            if (!is_exact(table)) return "an entry is not a * b";
            break;
        case TableClass::kTransform:
            if (!is_equal(c.transform, table)) return "the transformed operands make another table";
            break;
        case TableClass::kLowRank:
            break;
    }
    if (c.low_rank.products() > c.table_cost) return "the table engine would cost less";
    if (c.low_rank.error_table && !table.is_signed) return "an unsigned operand is no int8";
    return is_equal(c.low_rank, table) ? nullptr : "the int8 products make another table";
}

std::string describe(const Classification &c) {
    const int cost = c.predicted_cost();
    const bool looked_up = c.kind == TableClass::kTable;
    return std::string(table_class_name(c.kind)) + ": rank " +
           (c.rank ? std::to_string(*c.rank) : "> " + std::to_string(kMostRank)) +
           (looked_up ? ", as " : ", ") + std::to_string(cost) + " int8 product" +
           (cost == 1 ? "" : "s");
}

}  // namespace convwright
