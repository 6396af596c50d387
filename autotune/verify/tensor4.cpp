// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/tensor4.h"

namespace convwright {
namespace {

/// Elements from the first element to the last.
int64_t span(const Quad &sizes, const Quad &strides) {
    int64_t last = 0;
    for (int d = 0; d < 4; d++) last += (sizes[d] - 1) * strides[d];
    return last + 1;
}

}  // namespace

uint16_t to_short(float value, DType dtype) {
    if (dtype == DType::kF16) return std::bit_cast<uint16_t>(static_cast<_Float16>(value));
    const auto bits = std::bit_cast<uint32_t>(value);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float from_short(uint16_t bits, DType dtype) {
    if (dtype == DType::kF16) return static_cast<float>(std::bit_cast<_Float16>(bits));
    return std::bit_cast<float>(uint32_t{bits} << 16);
}

Quad strides_for(const Quad &sizes, Format format, bool gaps) {
    const auto order = format == Format::kNhwc ? std::array{1, 3, 2, 0} : std::array{3, 2, 1, 0};
    Quad strides{};
    int64_t inner = 1;
    for (const int d : order) {
        strides[d] = inner;
        // Odd, so that no row or pixel is aligned as the one before it.
        inner = inner * sizes[d] + (gaps ? 3 : 0);
    }
    return strides;
}

Element element_of(DType dtype) {
    return dtype == DType::kF32    ? Element::kF32
           : dtype == DType::kBf16 ? Element::kBf16
                                   : Element::kF16;
}

template<typename Visit>
void Tensor4::for_each(Visit visit) const {
    for (int64_t a = 0; a < sizes_[0]; a++) {
        for (int64_t b = 0; b < sizes_[1]; b++) {
            for (int64_t c = 0; c < sizes_[2]; c++) {
                for (int64_t d = 0; d < sizes_[3]; d++) {
                    visit(a * strides_[0] + b * strides_[1] + c * strides_[2] + d * strides_[3]);
                }
            }
        }
    }
}

Tensor4::Memory Tensor4::memory_of(Element element, int64_t size, Placement placement) {
    switch (element) {
        case Element::kF32:
            return Guarded<float>(size, placement);
        case Element::kByte:
            return Guarded<uint8_t>(size, placement);
        case Element::kInt32:
            return Guarded<int32_t>(size, placement);
        default:
            return Guarded<uint16_t>(size, placement);
    }
}

Tensor4::Tensor4(const Quad &sizes, const Quad &strides, Placement placement, Element element)
    : sizes_(sizes),
      strides_(strides),
      element_(element),
      memory_(memory_of(element, span(sizes, strides), placement)) {}

Tensor4::Tensor4(const Quad &sizes, const Quad &strides, Placement placement, const Values &values,
                 Element element)
    : Tensor4(sizes, strides, placement, element) {
    on_memory([&](auto &memory) {
        auto value = values.begin();
        for_each([&](int64_t offset) { store(*value++, memory.data()[offset]); });
        memory.protect();
    });
}

Values Tensor4::values() const {
    return on_memory([&](auto &memory) {
        Values values;
        for_each([&](int64_t offset) { values.push_back(value_of(memory.data()[offset])); });
        return values;
    });
}

bool Tensor4::redzones_intact() const {
    return on_memory([&](auto &memory) {
        std::vector<bool> gap(memory.size(), true);
        for_each([&](int64_t offset) { gap[offset] = false; });
        for (int64_t i = 0; i < memory.size(); i++) {
            if (gap[i] && !memory.untouched(memory.data()[i])) return false;
        }
        return memory.redzones_intact();
    });
}

const void *Tensor4::data() const {
    return on_memory([](auto &memory) { return static_cast<const void *>(memory.data()); });
}

std::pair<void *, size_t> Tensor4::pages() const {
    return on_memory([](auto &memory) { return memory.pages(); });
}

Activation Tensor4::activation() const {
    return {data(), strides_[0], strides_[1], strides_[2], strides_[3]};
}

Weight Tensor4::weight() const {
    return {data(), strides_[0], strides_[1], strides_[2], strides_[3]};
}

}  // namespace convwright
