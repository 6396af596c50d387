// SPDX-License-Identifier: Apache-2.0
#include "codegen/prelude.h"

namespace convwright {

// Written by embed_device.cmake in parts, each a raw string.
const char *const kCudaPrelude =
#include "codegen/device_text.inc"
    ;

}  // namespace convwright
