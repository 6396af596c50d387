// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace convwright {

/// Memory of one task, aligned to 128 bytes, or null if there is none. Small freed blocks wait for
/// the next call in the thread that freed them.
void *take_scratch(size_t size);
void give_scratch(void *pointer);  ///< Null is ignored.

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
