// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/async_copies.h"

#include <cstring>
#include <utility>

#include "codegen/emulator/shared_memory.h"

namespace convwright::emulator {

void AsyncCopies::start(void *shared, const void *global, size_t bytes, size_t source_bytes) {
    poison(shared, bytes);
    open_.push_back({shared, global, bytes, source_bytes});
}

void AsyncCopies::commit() { groups_.push_back(std::exchange(open_, {})); }

void AsyncCopies::wait(size_t pending) {
    for (; groups_.size() > pending; groups_.pop_front()) {
        for (const Copy &copy : groups_.front()) {
            std::memcpy(copy.shared, copy.global, copy.source_bytes);
            std::memset(static_cast<char *>(copy.shared) + copy.source_bytes, 0,
                        copy.bytes - copy.source_bytes);
        }
    }
}

bool AsyncCopies::in_flight() const {
    if (!open_.empty()) return true;
    for (const std::vector<Copy> &group : groups_) {
        if (!group.empty()) return true;
    }
    return false;
}

void AsyncCopies::forget() {
    open_.clear();
    groups_.clear();
}

}  // namespace convwright::emulator
