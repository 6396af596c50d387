// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "runtime/guarded_pages.h"

namespace convwright {

/// Memory of one task, aligned to 128 bytes, or null if there is none. Small freed blocks wait for
/// the next call in the thread that freed them.
void *take_scratch(size_t size);
void give_scratch(void *pointer);  ///< Null is ignored.

/// For verification: while it lives, scratch of all threads lies at this end of pages of its own, which start as NaN; in
/// the middle it lies as it always does. Of several the start counts. At the end blocks are aligned to 64 bytes, one vector.
class GuardedScratch {
public:
    explicit GuardedScratch(Placement placement);
    ~GuardedScratch();
    GuardedScratch(const GuardedScratch &) = delete;

private:
    Placement placement_;
};

/// Owner of scratch memory.
class Scratch {
public:
    explicit Scratch(size_t size) : data_(take_scratch(size)) {}
    ~Scratch() { give_scratch(data_); }
    Scratch(const Scratch &) = delete;

    void *data() const { return data_; }  ///< Null if there was no memory.

private:
    void *data_;
};

}  // namespace convwright
