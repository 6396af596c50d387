// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/shared_memory.h"

#include <new>

// `__shared__` variables lie in a section of this name (keywords.h), whose ends the linker names;
// a program may have none.
extern "C" {
[[gnu::weak]] extern char __start_convwright_shared[];
[[gnu::weak]] extern char __stop_convwright_shared[];
}

namespace convwright::emulator {
namespace {

bool lies_in(const void *memory, size_t bytes, const void *first, const void *last) {
    const auto at = reinterpret_cast<uintptr_t>(memory);
    return at >= reinterpret_cast<uintptr_t>(first) && at <= reinterpret_cast<uintptr_t>(last) &&
           reinterpret_cast<uintptr_t>(last) - at >= bytes;
}

}  // namespace

// Not memset, which the sanitizer watches whatever the attribute says; volatile, since the compiler
// would call it.
__attribute__((no_sanitize("address", "undefined"))) void poison(void *memory, size_t bytes) {
    auto at = reinterpret_cast<uintptr_t>(memory);
    const uintptr_t last = at + bytes;
    for (; at < last; at += 2 - at % 2) {
        if (at % 2 == 0 && last - at >= 2) {
            *reinterpret_cast<volatile uint16_t *>(at) = kPoison;
        } else {
            *reinterpret_cast<volatile uint8_t *>(at) =
                static_cast<uint8_t>(at % 2 == 0 ? kPoison & 0xFF : kPoison >> 8);
        }
    }
}

SharedMemory::SharedMemory(size_t dynamic_bytes)
    : dynamic_(operator new (dynamic_bytes, std::align_val_t{kAlignment})), bytes_(dynamic_bytes) {}

SharedMemory::~SharedMemory() { operator delete (dynamic_, std::align_val_t{kAlignment}); }

void SharedMemory::poison_all() const {
    poison(dynamic_, bytes_);
    poison(__start_convwright_shared,
           static_cast<size_t>(__stop_convwright_shared - __start_convwright_shared));
}

bool SharedMemory::contains(const void *memory, size_t bytes) const {
    return lies_in(memory, bytes, dynamic_, static_cast<char *>(dynamic_) + bytes_) ||
           lies_in(memory, bytes, __start_convwright_shared, __stop_convwright_shared);
}

}  // namespace convwright::emulator
