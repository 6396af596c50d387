// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "codegen/emulator/running.h"

namespace convwright::emulator {

/// The emulated `ldmatrix.sync.aligned.m8n8`, a warp's work: `count` matrices, one register of the lane
/// for each. Checks what the PTX ISA asks of the addresses that are used: in shared memory, aligned to
/// 16 bytes; under the address sanitizer also that the rows are inside what was allocated.
void ldmatrix(uint32_t *registers, int count, bool transposed, const void *row, const Where &where);

}  // namespace convwright::emulator
