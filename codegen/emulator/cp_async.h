// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/emulator/running.h"

namespace convwright::emulator {

/// The emulated `cp.async`: copies `source_bytes` and fills up to `bytes` with zeros, later. Checks
/// what the PTX ISA asks of it ("cp.async"): a copy of 4, 8 or 16 bytes, both addresses aligned to
/// that, from global into shared memory; under the address sanitizer also that both are inside
/// what was allocated.
void cp_async(void *shared, const void *global, int bytes, int source_bytes, const Where &where);

}  // namespace convwright::emulator
