// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace convwright {

/// Channels of a block of a depthwise convolution, one in each lane.
constexpr int64_t kDepthwiseLanes = 16;

/// A row of output pixels of one block. Staged activations of a pixel and an input row are
/// (tap 0..3, channel 0..15, quad): quads of four taps, the last padded with weights of 0.
///   out[x * step + c] = constants[c]
///     + sum over terms t, rows r, quads q, taps i of
///       staged[terms[t].offset + r * row + (x * quads + q) * 64 + c * 4 + i]
///       * weights[((t * rows + r) * quads + q) * 64 + c * 4 + i] << shift(t)
///     + sum over sums s of multiplier(s) * the sum of the staged bytes at its offset where ones is 1
struct DepthwiseJob {
    struct Term {
        int64_t offset;
        int shift_after;  ///< What this term's shift exceeds the next one's by; the last: its shift.
    };
    struct Sum {
        int64_t offset;
        int32_t multiplier;
    };
    const Term *terms;
    int64_t term_count;
    const Sum *sums;
    int64_t sum_count;
    int64_t rows, row, quads;
    const uint8_t *staged;
    const int8_t *weights, *ones;  ///< ones: (tap, channel, quad).
    const int32_t *constants;
    int32_t *out;
    int64_t step, columns;
    int64_t channels;  ///< How many of the block are stored.
};

void run_depthwise_avx512(const DepthwiseJob &job);  ///< Needs AVX-512 VNNI.

}  // namespace convwright
