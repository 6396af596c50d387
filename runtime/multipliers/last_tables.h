// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/multipliers/table8.h"

namespace convwright {

/// What was made of the last tables, the last used first. Thread-safe; tables are compared outside of
/// the lock, which takes 10 microseconds for each.
template<typename Known>
class LastTables {
public:
    static constexpr size_t kKept = 8;

    /// Of the table with these Table8::kEntries entries; null where it is not kept.
    std::shared_ptr<const Known> find(bool is_signed, const int32_t *entries) {
        const Kept kept = all();
        const auto found = std::find_if(kept.begin(), kept.end(), [&](const Shared &e) {
            return e != nullptr && e->table.is_signed == is_signed &&
                   std::memcmp(e->table.values.data(), entries,
                               Table8::kEntries * sizeof *entries) == 0;
        });
        if (found == kept.end()) return nullptr;
        if (found != kept.begin()) move_to_front(*found);
        return known_of(*found);
    }

    /// In the place of the one that was not used for longest.
    std::shared_ptr<const Known> add(Table8 table, Known known) {
        const auto entry = std::make_shared<const Entry>(Entry{std::move(table), std::move(known)});
        const std::lock_guard<std::mutex> lock(mutex_);
        std::rotate(kept_.begin(), kept_.end() - 1, kept_.end());
        kept_.front() = entry;
        return known_of(entry);
    }

private:
    struct Entry {
        Table8 table;
        Known known;
    };
    using Shared = std::shared_ptr<const Entry>;
    using Kept = std::array<Shared, kKept>;

    static std::shared_ptr<const Known> known_of(const Shared &entry) {
        return {entry, &entry->known};
    }
    Kept all() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return kept_;
    }
    void move_to_front(const Shared &entry) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = std::find(kept_.begin(), kept_.end(), entry);
        // Another thread may have dropped it.
        if (found != kept_.end()) std::rotate(kept_.begin(), found, found + 1);
    }

    std::mutex mutex_;
    Kept kept_;
};

}  // namespace convwright
