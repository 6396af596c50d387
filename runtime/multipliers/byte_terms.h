// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/multipliers/classification.h"

namespace convwright {

/// A table as products of an unsigned and a signed byte, as dot-product instructions take them:
///   T[a][w] = sum over terms of ((u[a] + u_offset) * (v[w] + v_offset)) << shift, in 32 bits,
/// where u = activations[factor]. Offsets let a factor have any 256 consecutive values; the engine
/// adds what they are worth as a constant of the channel and a sum over u of the pixel:
///   (u + p) (v + q) = u v + q u + p (v + q).
struct ByteTerm {
    int factor;  ///< Index into ByteTerms::activations.
    int32_t activation_offset, weight_offset;
    int shift;
    std::array<int8_t, 256> weight;  ///< [weight byte].
};

struct ByteTerms {
    std::vector<std::array<uint8_t, 256>> activations;  ///< All different; [activation byte].
    std::vector<ByteTerm> terms;                        ///< Greatest shift first.

    /// What a sum over activations of a factor counts for: the offsets of the weights of all its
    /// terms, shifted.
    int32_t weight_offsets(int factor) const;
};

/// The terms of a table of class kZero (none), kExact, kTransform or kLowRank; a table of rank one
/// has one wherever its factors span less than 256 values. Not for kTable.
ByteTerms byte_terms(const Table8 &table, const Classification &classification);

/// Whether the sum is the table in all 65,536 entries.
bool is_equal(const ByteTerms &terms, const Table8 &table);

}  // namespace convwright
