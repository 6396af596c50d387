// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/multipliers/byte_planes.h"
#include "runtime/multipliers/int8_cpu.h"

namespace convwright {

/// Most products that a kernel adds up in 16 bits: 256 bytes are less than 2^16.
constexpr int64_t kTableChunk = 256;

/// Pixels of a vector of look-ups; every job is of whole ones.
constexpr int64_t kTableLanes = 64;

/// Look-ups of some output channels:
///   sums[c * pitch + pixel] += sum over k < count of
///                              T'[activations[k * pitch + pixel]][weights[c * weight_pitch + k]]
/// with T' the table less `least`, or for the scalar kernel the table.
struct TableJob {
    const BytePlanes *planes;
    const uint8_t *activations;  ///< 64-byte aligned.
    int64_t pitch, pixels;       ///< Multiples of kTableLanes.
    const uint8_t *weights;
    int64_t weight_pitch, channels;
    int64_t count;  ///< 1 to kTableChunk.
    int32_t *sums;  ///< 64-byte aligned.
};

struct TableKernel {
    void (*run)(const TableJob &);
    bool adds_least;  ///< The caller adds `least` of all weights.
};

/// Without VBMI the scalar kernel: on a core at 3 GHz it makes 3.5 G products/s, AVX2 gathers 3.3, and
/// 16 pshufb for each plane 2.6.
TableKernel table_kernel(const Int8Cpu &cpu);

void run_table_scalar(const TableJob &job);
void run_table_avx512(const TableJob &job);  ///< Needs AVX-512 VBMI.

}  // namespace convwright
