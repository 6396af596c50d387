// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/guarded_pages.h"

namespace convwright {

/// Memory for `size` elements in pages of its own with an inaccessible page on either side. Every
/// element, those around the data too, starts as one particular NaN: what a kernel reads without
/// right shows in its result, and what it writes without right no longer has these bits. Under the
/// address sanitizer touching what surrounds the data is an error at once, until redzones_intact().
/// `Element` is float, uint16_t that holds bfloat16, or of integers int32_t or uint8_t, whose start
/// value is a number like others.
template<typename Element>
class Guarded {
public:
    /// `alignment` in bytes: a power of two, at most a page.
    Guarded(int64_t size, Placement placement, size_t alignment = sizeof(Element));

    Element *data() { return reinterpret_cast<Element *>(pages_.data()); }
    const Element *data() const { return reinterpret_cast<const Element *>(pages_.data()); }
    int64_t size() const { return size_; }
    /// All accessible memory, redzones included; what surrounds the data is open to the address sanitizer
    /// from now on.
    std::pair<void *, size_t> pages() const;

    /// From now on writing crashes, too.
    void protect() { pages_.protect(); }
    /// Nothing around the data was written.
    bool redzones_intact() const;
    static bool untouched(Element value);  ///< Has the bits that the memory started with.

private:
    Element *first() const { return reinterpret_cast<Element *>(pages_.first()); }

    GuardedPages pages_;
    int64_t size_;
};

using GuardedFloats = Guarded<float>;

/// What kernels ask of a workspace, in bytes (runtime/conv2d.h).
inline constexpr size_t kWorkspaceAlignment = 64;

}  // namespace convwright
