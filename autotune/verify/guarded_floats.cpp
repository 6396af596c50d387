// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/guarded_floats.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace convwright {
namespace {

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
Guarded<Element>::Guarded(int64_t size, Placement placement, size_t alignment)
    : pages_(static_cast<size_t>(size) * sizeof(Element), placement, alignment), size_(size) {
    pages_.open();
    std::fill_n(first(), pages_.bytes() / sizeof(Element), canary<Element>());
    pages_.close();
}

template<typename Element>
std::pair<void *, size_t> Guarded<Element>::pages() const {
    pages_.open();
    return {first(), pages_.bytes()};
}

template<typename Element>
bool Guarded<Element>::redzones_intact() const {
    pages_.open();
    return std::all_of<const Element *>(first(), data(), untouched) &&
           std::all_of<const Element *>(data() + size_, first() + pages_.bytes() / sizeof(Element),
                                        untouched);
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
