// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/multipliers/int8_cpu.h"

namespace convwright {

/// Output channels of a vector; a panel of weights has 1 to 4 vectors.
constexpr int64_t kDotLanes = 16;
constexpr int kMostDotVectors = 4;

/// A register tile: some pixels by the channels of a panel. Activations are bytes in memory, each
/// run of them one dot product: of kernel row and term. Bytes behind a run up to a multiple of 4
/// are read, and meet weights of 0.
///   out[p][c] = constants[c] + pixel_sums[p] + sum over terms t, runs r and i < length of
///               pixels[p][terms[t].offset + run_offsets[r] + i] * weight(t, r, i, c) << shift(t)
struct DotJob {
    struct Term {
        int64_t offset;   ///< Of its activations.
        int shift_after;  ///< What this term's shift exceeds the next one's by; the last: its shift.
    };
    const Term *terms;
    int64_t term_count;
    const int64_t *run_offsets;
    int64_t run_count, length;
    const uint8_t *const *pixels;
    const int8_t *weights;     ///< (byte 0..3, channel of the panel, i / 4, run, term).
    const int32_t *constants;  ///< Of all channels of the panel.
    const int32_t *pixel_sums;
    int32_t *const *out;  ///< Of each pixel.
    int64_t channels;     ///< How many of the panel are stored.
};

struct DotKernel {
    void (*run)(const DotJob &);
    int pixels;  ///< Of a tile.
};

/// For panels of `vectors`. The CPU must have AVX2.
DotKernel dot_kernel(const Int8Cpu &cpu, int vectors);

DotKernel dot_kernel_avx2(int vectors);
DotKernel dot_kernel_avx512(int vectors);  ///< Needs AVX-512 VNNI.

}  // namespace convwright
