// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv2d.h"
#include "runtime/cuda/byte_plan.h"

namespace convwright::cuda {

/// Operands of a call, all on the device.
struct ByteOperands {
    Activation input;      ///< Bytes.
    Weight weight;         ///< Bytes.
    Activation output;     ///< int32.
    const int32_t *table;  ///< DeviceTable::words, 16-byte aligned.
    uint8_t pad_value;     ///< The byte that stands outside of the input.
};

/// Enqueues what run_int8_conv() of runtime/multipliers/int8_conv.h computes, bit for bit, on the context's
/// stream and does not wait. `workspace` holds plan.workspace words, 16-byte aligned. False if a
/// launch failed: the text is in `context`. Thread-safe.
bool run_byte_conv(CallContext &context, const BytePlan &plan, const DeviceTable &table,
                   const ByteOperands &operands, int32_t *workspace);

}  // namespace convwright::cuda
