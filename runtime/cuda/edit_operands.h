// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/buffers.h"
#include "runtime/call_context.h"
#include "runtime/multipliers/operand_edit.h"

namespace convwright::cuda {

/// Null if edit_operands() takes an operand of so many elements, else why not.
const char *why_not_edited(int64_t elements);

/// edit_operands() on the device, enqueued on the context's stream: to[i] = edit(from[i]) over four axes,
/// of which why_not_edited() says nothing, each with its strides of 32 bits (elements). False if the launch failed:
/// the text is in `context`. Thread-safe.
bool edit_operands(CallContext &context, const OperandEdit &edit, const float *from,
                   const Extent (&from_axes)[4], float *to, const int64_t (&to_strides)[4]);

}  // namespace convwright::cuda
