// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace convwright::emulator {

/// Whether the address sanitizer, where it is on, knows a byte that nothing may touch.
inline bool out_of_bounds([[maybe_unused]] const void *memory, [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    return __asan_region_is_poisoned(const_cast<void *>(memory), bytes) != nullptr;
#else
    return false;
#endif
}

}  // namespace convwright::emulator
