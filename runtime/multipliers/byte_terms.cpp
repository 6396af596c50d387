// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/byte_terms.h"

#include <algorithm>
#include <stdexcept>

namespace convwright {
namespace {

using Factor = std::array<int32_t, 256>;

template<typename Value>
Factor widened(const std::array<Value, 256> &values) {
    Factor factor;
    std::copy(values.begin(), values.end(), factor.begin());
    return factor;
}

int32_t least(const Factor &f) { return *std::min_element(f.begin(), f.end()); }
bool spans_a_byte(const Factor &f) {
    return int64_t{*std::max_element(f.begin(), f.end())} - least(f) < 256;
}

/// Appends (u * v) << shift; both span a byte.
void append(const Factor &u, const Factor &v, int shift, ByteTerms &to) {
    // No offset where none is needed: one of the weight costs a sum over activations.
    const int32_t p = least(u), v_least = least(v);
    const bool fits = v_least >= -128 && *std::max_element(v.begin(), v.end()) <= 127;
    // Unsigned, as an offset may wrap around.
    const uint32_t offset = fits ? 0 : static_cast<uint32_t>(v_least) + 128;
    ByteTerm term{0, p, static_cast<int32_t>(offset), shift, {}};
    std::array<uint8_t, 256> activation;
    for (size_t i = 0; i < 256; i++) {
        activation[i] = static_cast<uint8_t>(u[i] - p);
        term.weight[i] = static_cast<int8_t>(static_cast<uint32_t>(v[i]) - offset);
    }
    const auto known = std::find(to.activations.begin(), to.activations.end(), activation);
    term.factor = static_cast<int>(known - to.activations.begin());
    if (known == to.activations.end()) to.activations.push_back(activation);
    to.terms.push_back(term);
}

}  // namespace

int32_t ByteTerms::weight_offsets(int factor) const {
    uint32_t sum = 0;
    for (const ByteTerm &term : terms) {
        if (term.factor == factor) sum += static_cast<uint32_t>(term.weight_offset) << term.shift;
    }
    return static_cast<int32_t>(sum);
}

ByteTerms byte_terms(const Table8 &table, const Classification &c) {
    if (c.kind == TableClass::kTable) throw std::invalid_argument("byte_terms: no low-rank table");
    ByteTerms result;
    if (c.kind == TableClass::kZero) return result;
    Factor operand;
    for (int i = 0; i < 256; i++) operand[static_cast<size_t>(i)] = table.operand(i);
    const Factor u = widened(c.transform.activation), v = widened(c.transform.weight);
    if (c.kind == TableClass::kExact) {
        append(operand, operand, 0, result);
    } else if (c.kind == TableClass::kTransform && spans_a_byte(u) && spans_a_byte(v)) {
        append(u, v, c.transform.shift, result);
    } else {
        for (const DigitProduct &term : c.low_rank.terms) {
            append(widened(term.activation), widened(term.weight), term.shift, result);
        }
        if (c.low_rank.error_table) append(operand, operand, 0, result);
    }
    std::stable_sort(result.terms.begin(), result.terms.end(),
                     [](const ByteTerm &a, const ByteTerm &b) { return a.shift > b.shift; });
    return result;
}

bool is_equal(const ByteTerms &terms, const Table8 &table) {
    for (size_t a = 0; a < 256; a++) {
        for (size_t w = 0; w < 256; w++) {
            uint32_t sum = 0;
            for (const ByteTerm &t : terms.terms) {
                const uint32_t u = terms.activations[static_cast<size_t>(t.factor)][a] +
                                   static_cast<uint32_t>(t.activation_offset);
                const uint32_t v =
                    static_cast<uint32_t>(t.weight[w]) + static_cast<uint32_t>(t.weight_offset);
                sum += (u * v) << t.shift;
            }
            if (static_cast<int32_t>(sum) != table.at(static_cast<int>(a), static_cast<int>(w))) {
                return false;
            }
        }
    }
    return true;
}

}  // namespace convwright
