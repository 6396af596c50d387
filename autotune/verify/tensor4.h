// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <variant>
#include <vector>

#include "autotune/verify/guarded_floats.h"
#include "runtime/conv2d.h"

namespace convwright {

using Quad = std::array<int64_t, 4>;  ///< In torch's order: N, C, H, W or Co, Ci/g, Kh, Kw.

/// Values of a 4-D tensor in torch's order without gaps, whatever its strides. Of int32 sums, which float32 cannot hold,
/// a value has the bits.
using Values = std::vector<float>;

/// What the elements of a tensor are in memory: those of a problem's DType, and of 8-bit products the operands and sums.
enum class Element { kF32, kBf16, kF16, kByte, kInt32 };
Element element_of(DType dtype);

/// Strides of a tensor in a format; with gaps every row, image and pixel (or plane) is followed by
/// elements that belong to no one.
Quad strides_for(const Quad &sizes, Format format, bool gaps);

/// `value` as a bfloat16 or float16 holds it, rounded to nearest, ties to even. Not for a NaN of bfloat16.
uint16_t to_short(float value, DType dtype);
float from_short(uint16_t bits, DType dtype);

/// A tensor of any strides in guarded memory.
class Tensor4 {
public:
    /// All elements are the canary of Guarded.
    Tensor4(const Quad &sizes, const Quad &strides, Placement placement, Element element);
    Tensor4(const Quad &sizes, const Quad &strides, Placement placement, DType dtype = DType::kF32)
        : Tensor4(sizes, strides, placement, element_of(dtype)) {}
    /// Holds `values`, and writing it crashes.
    Tensor4(const Quad &sizes, const Quad &strides, Placement placement, const Values &values,
            Element element);
    Tensor4(const Quad &sizes, const Quad &strides, Placement placement, const Values &values,
            DType dtype = DType::kF32)
        : Tensor4(sizes, strides, placement, values, element_of(dtype)) {}

    Values values() const;
    /// Nothing was written around the tensor or in its gaps.
    bool redzones_intact() const;
    /// As Guarded::pages().
    std::pair<void *, size_t> pages() const;
    Activation activation() const;
    Weight weight() const;

private:
    /// Calls visit(offset in memory) for each element in torch's order.
    template<typename Visit>
    void for_each(Visit visit) const;
    /// Calls visit(memory).
    template<typename Visit>
    auto on_memory(Visit visit) const {
        return std::visit(visit, memory_);
    }
    const void *data() const;
    float value_of(float element) const { return element; }
    float value_of(uint16_t element) const { return from_short(element, short_type()); }
    float value_of(uint8_t element) const { return element; }
    float value_of(int32_t element) const { return std::bit_cast<float>(element); }
    void store(float value, float &element) const { element = value; }
    void store(float value, uint16_t &element) const { element = to_short(value, short_type()); }
    void store(float value, uint8_t &element) const { element = static_cast<uint8_t>(value); }
    void store(float value, int32_t &element) const { element = std::bit_cast<int32_t>(value); }
    DType short_type() const { return element_ == Element::kF16 ? DType::kF16 : DType::kBf16; }

    Quad sizes_, strides_;
    Element element_;
    using Memory =
        std::variant<Guarded<float>, Guarded<uint16_t>, Guarded<uint8_t>, Guarded<int32_t>>;
    static Memory memory_of(Element element, int64_t size, Placement placement);
    mutable Memory memory_;
};

}  // namespace convwright
