// SPDX-License-Identifier: Apache-2.0
#pragma once

#if defined(__CUDACC__)

namespace convwright::device {

/// The dynamic shared memory of the block, whose size the launch gives; 128-byte aligned. Inlined,
/// it is what `extern __shared__` in the kernel is.
__device__ inline unsigned char *dynamic_shared() {
    extern __shared__ __align__(128) unsigned char convwright_dynamic_shared[];
    return convwright_dynamic_shared;
}

}  // namespace convwright::device

#else
#include "codegen/emulator/running.h"

namespace convwright::device {

inline unsigned char *dynamic_shared() {
    return static_cast<unsigned char *>(emulator::shared_memory().dynamic());
}

}  // namespace convwright::device

#endif
