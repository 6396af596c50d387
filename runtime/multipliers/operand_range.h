// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/buffers.h"

namespace convwright {

/// What the fast forms of a product must know of an operand: its biased exponents (1 to 254; those of
/// zero and subnormal numbers, which count as zero, left out).
struct OperandRange {
    int least = 255, greatest = 0;  ///< least > greatest if all count as zero.
    bool has_zero = false;
    bool has_special = false;  ///< Infinity or NaN.
};

/// Of a float32 tensor of any strides; every element is read once.
OperandRange operand_range(const float *data, const Extent (&axes)[4]);

/// Whether every product of an activation and a weight, by whichever model of the log family or ROBA,
/// and what the fast forms make of a weight alone stay in the normal range. All of them are within a
/// factor of 8 of the powers' product.
bool products_stay_normal(const OperandRange &activation, const OperandRange &weight);

}  // namespace convwright
