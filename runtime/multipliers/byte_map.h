// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/multipliers/int8_cpu.h"

namespace convwright {

/// to[i] = table[from[i]] for `count` bytes; the table has 256. Nothing else is read or written.
using ByteMap = void (*)(uint8_t *to, const uint8_t *from, int64_t count, const uint8_t *table);

ByteMap byte_map(const Int8Cpu &cpu);

/// The sum of `count` bytes.
uint32_t sum_bytes(const uint8_t *bytes, int64_t count);
uint32_t sum_signed_bytes(const uint8_t *bytes, int64_t count);  ///< Of -128..127, modulo 2^32.

}  // namespace convwright
