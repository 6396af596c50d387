// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convwright {

/// All products of an 8-bit multiplier, as they are defined: no property of a product is assumed.
struct Table8 {
    static constexpr int kOperands = 256;          ///< Bytes that an operand can be.
    static constexpr size_t kEntries = 256 * 256;  ///< Of `values`.

    bool is_signed = false;       ///< An operand byte stands for -128..127, else for 0..255.
    std::vector<int32_t> values;  ///< [activation byte * 256 + weight byte].

    /// The number that an operand byte (0..255) stands for.
    int operand(int byte) const { return is_signed && byte >= 128 ? byte - 256 : byte; }
    /// The entry of two operand bytes.
    int32_t at(int activation, int weight) const {
        return values[static_cast<size_t>(activation) * kOperands + weight];
    }
};

/// A table, or one sentence that says why there is none.
struct TableResult {
    std::optional<Table8> table;
    std::string error;  ///< Empty where there is a table.
};

/// The table of `count` entries in memory, which must be 65,536; every entry of these types is
/// allowed. Signed tables are in the order of the operands' byte patterns: 0..127, -128..-1.
TableResult make_table(bool is_signed, const int16_t *entries, size_t count);
TableResult make_table(bool is_signed, const uint16_t *entries, size_t count);
TableResult make_table(bool is_signed, const int32_t *entries, size_t count);

/// 64-bit FNV-1a of the signedness (one byte, 0 or 1) and of the entries, each as four bytes,
/// lowest first: the same on every machine.
uint64_t table_hash(const Table8 &table);

/// 64-bit FNV-1a of `size` bytes, going on from `hash`.
uint64_t fnv1a(const void *bytes, size_t size, uint64_t hash = 0xcbf29ce484222325);

}  // namespace convwright
