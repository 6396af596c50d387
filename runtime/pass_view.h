// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/buffers.h"
#include "runtime/conv2d.h"

namespace convwright {

/// A tensor as one pass sees it, strides in elements; a collapsed pass steps through all pixels with
/// the stride of a column.
struct PassView {
    const void *data;
    DType dtype;
    Extent channel, group, x, y, n;

    /// (channels of a group, groups, columns, rows, images).
    std::array<Extent, 5> extents() const { return {{channel, group, x, y, n}}; }
    BufferView<5> buffer() const { return {data, extents(), dtype}; }
};

/// The weight as a pass reads it: (co, ci, kx, ky, g), taps in the pass's order and for dgrad the
/// channel axes swapped. Strides may be negative.
struct WeightView {
    const void *data;
    std::array<Extent, 5> extents;
};

/// What the pass reads, and what it writes.
PassView view_input(const Activation &tensor, const ConvPass &pass, DType dtype);
PassView view_output(const Activation &tensor, const ConvPass &pass, DType dtype);

WeightView view_weight(const Weight &tensor, const ConvPass &pass, DType dtype);

/// Writes zeros, where no tap reaches: dgrad between the positions that a strided fprop reads.
void fill_zero(const PassView &view);

}  // namespace convwright
