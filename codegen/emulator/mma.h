// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "codegen/emulator/running.h"

namespace convwright::emulator {

enum class MmaOperands {
    kTf32,      ///< One in a register, k = 8; its lower 13 bits do not count.
    kBfloat16,  ///< Two, k = 16.
    kFloat16,   ///< Two, k = 16.
    kInt8,      ///< Four, k = 32.
};

/// The emulated `mma.sync.aligned.m16n8k*.row.col`: d += a * b, a warp's work. `a` holds four
/// registers of the lane, `b` two, `d` four accumulators: float, or int for kInt8. Sums run over k
/// in ascending order, rounded to float32 each time, which real tensor cores do not promise.
void mma(const char *name, MmaOperands operands, void *d, const uint32_t *a, const uint32_t *b,
         const Where &where);

}  // namespace convwright::emulator
