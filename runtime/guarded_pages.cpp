// SPDX-License-Identifier: Apache-2.0
#include "runtime/guarded_pages.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace convwright {
namespace {

constexpr size_t kPage = 4096;

}  // namespace

GuardedPages::GuardedPages(size_t size, Placement placement, size_t alignment) {
    const size_t redzones = placement == Placement::kMiddle ? 2 * kPage : 0;
    bytes_ = std::max((size + kPage - 1) / kPage * kPage, kPage) + redzones;
    void *mapping =
        mmap(nullptr, bytes_ + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    mapping_ = static_cast<char *>(mapping);
    mprotect(first(), bytes_, PROT_READ | PROT_WRITE);
    data_ = first() + (placement == Placement::kStart ? 0
                       : placement == Placement::kEnd ? (bytes_ - size) / alignment * alignment
                                                      : kPage);
    size_ = size;
    close();
}

GuardedPages::~GuardedPages() {
    if (mapping_ == nullptr) return;
    open();
    munmap(mapping_, bytes_ + 2 * kPage);
}

char *GuardedPages::first() const { return mapping_ + kPage; }
void GuardedPages::open() const { ASAN_UNPOISON_MEMORY_REGION(first(), bytes_); }
void GuardedPages::close() const {
    ASAN_POISON_MEMORY_REGION(first(), bytes_);
    ASAN_UNPOISON_MEMORY_REGION(data_, size_);
}
void GuardedPages::protect() { mprotect(first(), bytes_, PROT_READ); }

}  // namespace convwright
