// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace convwright::emulator {

/// The copies from global to shared memory that one thread has started (PTX ISA, "cp.async").
/// They are as late as the ISA allows: bytes arrive when a wait covers their group, and not before.
class AsyncCopies {
public:
    /// Starts a copy of `source_bytes` and of zeros up to `bytes`. Until it arrives the destination
    /// holds poison: nothing may read it any more.
    void start(void *shared, const void *global, size_t bytes, size_t source_bytes);
    void commit();              ///< What was started since the last commit becomes a group.
    void wait(size_t pending);  ///< All groups arrive but for the newest `pending` ones.
    bool in_flight() const { return !copies_.empty(); }  ///< What no wait has covered.
    void forget();

private:
    struct Copy {
        void *shared;
        const void *global;
        size_t bytes, source_bytes;
    };
    std::vector<Copy> copies_;    // oldest first
    std::vector<size_t> groups_;  // sizes, oldest first; the copies behind them have no group yet
    size_t grouped_ = 0;          // copies in groups
};

}  // namespace convwright::emulator
