// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/buffers.h"
#include "runtime/multipliers/multiplier.h"

namespace convwright {

/// What a multiplier of the transform class, and truncation to bfloat16, make of a normal number:
/// (bits & keep) | set. Zero, subnormal numbers, infinity and NaN stay as they are, but for the
/// bits that bfloat16 has not.
struct OperandEdit {
    uint32_t keep = ~0u, set = 0;
    bool bfloat16 = false;

    /// What is kept of the bits of all other numbers.
    uint32_t everywhere() const { return bfloat16 ? 0xffff0000u : ~0u; }
    bool changes() const { return keep != ~0u || set != 0; }
    float operator()(float operand) const;
};

/// For both operands: those of DRUM and truncation, and of any multiplier in kBfloat16.
OperandEdit operand_edit(const Multiplier &multiplier, NumberFormat format);

/// Whether products of edited operands have at most 24 bits, so that a fused multiply-add adds them as
/// they are.
bool edited_products_are_exact(const Multiplier &multiplier, NumberFormat format);

/// to[i] = edit(from[i]) over four axes, each with its strides (elements); `to` has no gaps.
void edit_operands(const OperandEdit &edit, const float *from, const Extent (&from_axes)[4],
                   float *to, const int64_t (&to_strides)[4]);

}  // namespace convwright
