// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

namespace convwright {

/// Where memory lies between two pages that no one may touch.
enum class Placement {
    kStart,   ///< At the first byte: reading in front of it crashes.
    kEnd,     ///< At the last byte that its alignment allows: reading behind it crashes.
    kMiddle,  ///< 64-byte aligned, a page of redzone on either side.
};

/// Memory in pages of its own with an inaccessible page on either side. Under the address sanitizer touching what else
/// is in its pages is an error, but between open() and close().
class GuardedPages {
public:
    /// `alignment` in bytes: a power of two, at most a page. Throws std::bad_alloc.
    GuardedPages(size_t size, Placement placement, size_t alignment);
    GuardedPages(GuardedPages &&other) noexcept
        : mapping_(std::exchange(other.mapping_, nullptr)),
          bytes_(other.bytes_),
          data_(other.data_),
          size_(other.size_) {}
    ~GuardedPages();
    GuardedPages(const GuardedPages &) = delete;

    char *data() const { return data_; }
    char *first() const;  ///< Of the accessible pages.
    size_t bytes() const { return bytes_; }
    void open() const;
    void close() const;
    void protect();  ///< From now on writing crashes, too.

private:
    char *mapping_;
    size_t bytes_;  ///< Of the accessible pages.
    char *data_;
    size_t size_;  ///< Of the data.
};

}  // namespace convwright
