// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "autotune/verify/guarded_floats.h"
#include "runtime/conv2d.h"

namespace convwright {

using Quad = std::array<int64_t, 4>;  ///< In torch's order: N, C, H, W or Co, Ci/g, Kh, Kw.

/// Values of a 4-D tensor in torch's order without gaps, whatever its strides.
using Values = std::vector<float>;

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
    Tensor4(const Quad &sizes, const Quad &strides, Placement placement, DType dtype = DType::kF32);
    /// Holds `values`, and writing it crashes.
    Tensor4(const Quad &sizes, const Quad &strides, Placement placement, const Values &values,
            DType dtype = DType::kF32);

    Values values() const;  ///< As float32, which is exact.
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
    /// Calls visit(memory) with the one that exists.
    template<typename Visit>
    auto on_memory(Visit visit) const {
        return floats_ ? visit(*floats_) : visit(*halves_);
    }
    const void *data() const;

    Quad sizes_, strides_;
    DType dtype_;
    mutable std::optional<Guarded<float>> floats_;
    mutable std::optional<Guarded<uint16_t>> halves_;
};

}  // namespace convwright
