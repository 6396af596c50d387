// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace convwright {

/// Where values lie between the two pages that no one may touch.
enum class Placement {
    kStart,   ///< At the first byte: reading in front of them crashes.
    kEnd,     ///< At the last byte: reading behind them crashes.
    kMiddle,  ///< 64-byte aligned, a page of redzone on either side.
};

/// Memory for `size` elements in pages of its own with an inaccessible page on either side. Every
/// element, those around the data too, starts as one particular NaN: what a kernel reads without
/// right shows in its result, and what it writes without right no longer has these bits. Under the
/// address sanitizer touching what surrounds the data is an error at once, until redzones_intact().
/// `Element` is float, uint16_t that holds bfloat16, or of integers int32_t or uint8_t, whose start
/// value is a number like others.
template<typename Element>
class Guarded {
public:
    Guarded(int64_t size, Placement placement);
    ~Guarded();
    Guarded(const Guarded &) = delete;
    Guarded &operator=(const Guarded &) = delete;

    Element *data() { return data_; }
    const Element *data() const { return data_; }
    int64_t size() const { return size_; }
    /// All accessible memory, redzones included; what surrounds the data is open to the address sanitizer
    /// from now on.
    std::pair<void *, size_t> pages() const;

    /// From now on writing crashes, too.
    void protect();
    /// Nothing around the data was written.
    bool redzones_intact() const;
    static bool untouched(Element value);  ///< Has the bits that the memory started with.

private:
    Element *first() const;  ///< Of the accessible pages.
    char *mapping_;
    size_t bytes_;  ///< Of the accessible pages.
    Element *data_;
    int64_t size_;
};

using GuardedFloats = Guarded<float>;

}  // namespace convwright
