// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/device_table.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace convwright {
namespace {

using Bytes = std::array<uint8_t, 256>;

struct Term {
    Bytes activation, weight;
    int shift = 0;
};

template<typename Value>
Bytes bytes_of(const std::array<Value, 256> &values) {
    Bytes bytes;
    std::transform(values.begin(), values.end(), bytes.begin(),
                   [](Value v) { return static_cast<uint8_t>(v); });
    return bytes;
}

/// All bytes as they are.
Bytes themselves() {
    Bytes bytes;
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(i);
    return bytes;
}

bool within(const std::array<int32_t, 256> &values, int32_t low, int32_t high) {
    return std::all_of(values.begin(), values.end(),
                       [&](int32_t v) { return v >= low && v <= high; });
}

/// The terms of a table that is a sum of products, and the name of their product. Factors of one table are
/// all signed or all unsigned.
std::vector<Term> terms_of(const Table8 &table, const Classification &c, std::string &product) {
    product = "dot_s8";
    if (c.kind == TableClass::kZero) return {{}};
    if (c.kind == TableClass::kExact) {
        if (!table.is_signed) product = "dot_u8";
        return {{themselves(), themselves(), 0}};
    }
    const OperandTransform &transform = c.transform;
    const auto both_within = [&](int32_t low, int32_t high) {
        return c.kind == TableClass::kTransform && within(transform.activation, low, high) &&
               within(transform.weight, low, high);
    };
    const bool natural = both_within(0, 255);
    if (natural || both_within(-128, 127)) {
        if (natural) product = "dot_u8";
        return {{bytes_of(transform.activation), bytes_of(transform.weight), transform.shift}};
    }
    std::vector<Term> terms;
    for (const DigitProduct &term : c.low_rank.terms)
        terms.push_back({bytes_of(term.activation), bytes_of(term.weight), term.shift});
    if (c.low_rank.error_table) terms.push_back({themselves(), themselves(), 0});
    std::stable_sort(terms.begin(), terms.end(),
                     [](const Term &a, const Term &b) { return a.shift > b.shift; });
    return terms;
}

/// Behind what is there, a row for each weight byte.
template<typename Entry>
void append_entries(const Table8 &table, DeviceTable &to) {
    std::vector<Entry> entries(Table8::kEntries);
    for (size_t w = 0; w < 256; w++) {
        for (size_t a = 0; a < 256; a++) {
            // Modulo 2^32: entries may be further apart than an int32 counts.
            const auto value = static_cast<uint32_t>(table.values[a * 256 + w]);
            entries[w * 256 + a] = static_cast<Entry>(value - static_cast<uint32_t>(to.least));
        }
    }
    to.first_entry = static_cast<int32_t>(entries.front());
    const size_t at = to.words.size();
    to.words.resize(at + entries.size() * sizeof(Entry) / sizeof(int32_t));
    std::memcpy(&to.words[at], entries.data(), entries.size() * sizeof(Entry));
}

}  // namespace

DeviceTable device_table(const Table8 &table, const Classification &c) {
    DeviceTable result;
    std::vector<Term> terms;
    const bool looked_up = c.kind == TableClass::kTable;
    if (looked_up) {
        terms = {{themselves(), themselves(), 0}};
    } else {
        terms = terms_of(table, c, result.product);
    }
    result.terms = static_cast<int>(terms.size());
    result.last_shift = terms.back().shift;
    result.words.resize(static_cast<size_t>(result.entries()));
    int32_t *words = result.words.data();
    for (size_t t = 0; t < terms.size(); t++) {
        const auto at = static_cast<int64_t>(t);
        std::memcpy(words + 64 * at, terms[t].activation.data(), sizeof(Bytes));
        std::memcpy(words + result.weight_maps() + 64 * at, terms[t].weight.data(), sizeof(Bytes));
        words[result.steps() + at] = t == 0 ? 0 : terms[t - 1].shift - terms[t].shift;
    }
    if (!looked_up) return result;
    const auto [least, most] = std::minmax_element(table.values.begin(), table.values.end());
    if (int64_t{*most} - *least <= UINT16_MAX) {
        result.product = "table16", result.least = *least;
        append_entries<uint16_t>(table, result);
    } else {
        result.product = "table32";
        append_entries<int32_t>(table, result);
    }
    return result;
}

}  // namespace convwright
