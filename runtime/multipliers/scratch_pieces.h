// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace convwright {

constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// Pieces of one block of scratch, each 64-byte aligned.
class ScratchPieces {
public:
    /// The offset of a new piece.
    int64_t add(int64_t bytes) {
        const int64_t offset = size_;
        size_ += round_up(bytes, 64);
        return offset;
    }
    template<typename Element>
    int64_t add_array(int64_t count) {
        return add(count * static_cast<int64_t>(sizeof(Element)));
    }
    size_t size() const { return static_cast<size_t>(size_); }

private:
    int64_t size_ = 0;
};

}  // namespace convwright
