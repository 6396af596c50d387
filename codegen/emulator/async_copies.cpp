// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/async_copies.h"

#include <cstring>
#include <numeric>

#include "codegen/emulator/shared_memory.h"

namespace convwright::emulator {

void AsyncCopies::start(void *shared, const void *global, size_t bytes, size_t source_bytes) {
    poison(shared, bytes);
    copies_.push_back({shared, global, bytes, source_bytes});
}

void AsyncCopies::commit() {
    groups_.push_back(copies_.size() - grouped_);
    grouped_ = copies_.size();
}

void AsyncCopies::wait(size_t pending) {
    if (groups_.size() <= pending) return;
    const auto last = groups_.end() - static_cast<std::ptrdiff_t>(pending);
    const size_t arrived = std::accumulate(groups_.begin(), last, size_t{0});
    for (size_t i = 0; i < arrived; ++i) {
        const Copy &copy = copies_[i];
        std::memcpy(copy.shared, copy.global, copy.source_bytes);
        std::memset(static_cast<char *>(copy.shared) + copy.source_bytes, 0,
                    copy.bytes - copy.source_bytes);
    }
    copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(arrived));
    groups_.erase(groups_.begin(), last);
    grouped_ -= arrived;
}

void AsyncCopies::forget() {
    copies_.clear();
    groups_.clear();
    grouped_ = 0;
}

}  // namespace convwright::emulator
