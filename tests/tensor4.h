// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/conv2d.h"
#include "tests/guarded_floats.h"

namespace convwright {

using Quad = std::array<int64_t, 4>;  ///< In torch's order: N, C, H, W or Co, Ci/g, Kh, Kw.

/// Values of a 4-D tensor in torch's order without gaps, whatever its strides.
using Values = std::vector<float>;

/// Strides of a tensor in a format; with gaps every row, image and pixel (or plane) is followed by
/// elements that belong to no one.
Quad strides_for(const Quad &sizes, Format format, bool gaps);

/// A float32 tensor of any strides in guarded memory.
class Tensor4 {
public:
    /// All elements are the canary of GuardedFloats.
    Tensor4(const Quad &sizes, const Quad &strides, Placement placement);
    /// Holds `values`, and writing it crashes.
    Tensor4(const Quad &sizes, const Quad &strides, Placement placement, const Values &values);

    Values values() const;
    /// Nothing was written around the tensor or in its gaps.
    bool redzones_intact() const;
    Activation activation() const;
    Weight weight() const;

private:
    /// Calls visit(offset in memory) for each element in torch's order.
    template<typename Visit>
    void for_each(Visit visit) const;
    Quad sizes_, strides_;
    GuardedFloats memory_;
};

}  // namespace convwright
