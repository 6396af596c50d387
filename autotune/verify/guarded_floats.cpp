// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/guarded_floats.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace convwright {
namespace {

constexpr size_t kPage = 4096;

/// Quiet NaNs that no computation makes, and integers that are unlikely.
template<typename Element>
Element canary();
template<>
float canary() {
    return std::bit_cast<float>(0x7fc0dead);
}
template<>
uint16_t canary() {
    return 0x7fd5;
}
template<>
int32_t canary() {
    return 0x7fc0dead;
}
template<>
uint8_t canary() {
    return 0xd5;
}

}  // namespace

template<typename Element>
Guarded<Element>::Guarded(int64_t size, Placement placement) : size_(size) {
    const size_t wanted = static_cast<size_t>(size) * sizeof(Element);
    const size_t redzones = placement == Placement::kMiddle ? 2 * kPage : 0;
    bytes_ = std::max((wanted + kPage - 1) / kPage * kPage, kPage) + redzones;
    void *mapping =
        mmap(nullptr, bytes_ + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    mapping_ = static_cast<char *>(mapping);
    mprotect(mapping_ + kPage, bytes_, PROT_READ | PROT_WRITE);
    std::fill_n(first(), bytes_ / sizeof(Element), canary<Element>());
    const size_t offset = placement == Placement::kStart ? 0
                          : placement == Placement::kEnd ? bytes_ - wanted
                                                         : kPage;
    data_ = first() + offset / sizeof(Element);
    ASAN_POISON_MEMORY_REGION(first(), bytes_);
    ASAN_UNPOISON_MEMORY_REGION(data_, wanted);
}

template<typename Element>
Guarded<Element>::~Guarded() {
    ASAN_UNPOISON_MEMORY_REGION(first(), bytes_);
    munmap(mapping_, bytes_ + 2 * kPage);
}

template<typename Element>
Element *Guarded<Element>::first() const {
    return reinterpret_cast<Element *>(mapping_ + kPage);
}

template<typename Element>
std::pair<void *, size_t> Guarded<Element>::pages() const {
    ASAN_UNPOISON_MEMORY_REGION(first(), bytes_);
    return {first(), bytes_};
}

template<typename Element>
void Guarded<Element>::protect() {
    mprotect(mapping_ + kPage, bytes_, PROT_READ);
}

template<typename Element>
bool Guarded<Element>::redzones_intact() const {
    ASAN_UNPOISON_MEMORY_REGION(first(), bytes_);
    return std::all_of(first(), data_, untouched) &&
           std::all_of(data_ + size_, first() + bytes_ / sizeof(Element), untouched);
}

template<typename Element>
bool Guarded<Element>::untouched(Element value) {
    const Element expected = canary<Element>();
    return std::memcmp(&value, &expected, sizeof value) == 0;
}

template class Guarded<float>;
template class Guarded<uint16_t>;
template class Guarded<int32_t>;
template class Guarded<uint8_t>;

}  // namespace convwright
