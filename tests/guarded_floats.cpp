// SPDX-License-Identifier: Apache-2.0
#include "tests/guarded_floats.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

namespace convwright {
namespace {

constexpr size_t kPage = 4096;
constexpr uint32_t kCanary = 0x7fc0dead;  // a quiet NaN that no computation makes

}  // namespace

GuardedFloats::GuardedFloats(int64_t size, Placement placement) : size_(size) {
    const size_t wanted = static_cast<size_t>(size) * sizeof(float);
    const size_t redzones = placement == Placement::kMiddle ? 2 * kPage : 0;
    bytes_ = std::max((wanted + kPage - 1) / kPage * kPage, kPage) + redzones;
    void *mapping =
        mmap(nullptr, bytes_ + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    mapping_ = static_cast<char *>(mapping);
    mprotect(mapping_ + kPage, bytes_, PROT_READ | PROT_WRITE);
    std::fill_n(first(), bytes_ / sizeof(float), std::bit_cast<float>(kCanary));
    const size_t offset = placement == Placement::kStart ? 0
                          : placement == Placement::kEnd ? bytes_ - wanted
                                                         : kPage;
    data_ = first() + offset / sizeof(float);
    ASAN_POISON_MEMORY_REGION(first(), bytes_);
    ASAN_UNPOISON_MEMORY_REGION(data_, wanted);
}

GuardedFloats::~GuardedFloats() {
    ASAN_UNPOISON_MEMORY_REGION(first(), bytes_);
    munmap(mapping_, bytes_ + 2 * kPage);
}

float *GuardedFloats::first() const { return reinterpret_cast<float *>(mapping_ + kPage); }

void GuardedFloats::protect() { mprotect(mapping_ + kPage, bytes_, PROT_READ); }

bool GuardedFloats::redzones_intact() const {
    ASAN_UNPOISON_MEMORY_REGION(first(), bytes_);
    return std::all_of(first(), data_, untouched) &&
           std::all_of(data_ + size_, first() + bytes_ / sizeof(float), untouched);
}

bool GuardedFloats::untouched(float value) { return std::bit_cast<uint32_t>(value) == kCanary; }

}  // namespace convwright
