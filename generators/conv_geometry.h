// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "Halide.h"

namespace convwright {

/// Sizes of one convolution as Halide expressions: constants in a specialised kernel, run-time
/// values in a generic one. Units are elements. Dilation 1 is dense.
struct ConvGeometry {
    Halide::Expr ci, co;  ///< Channels of one group.
    Halide::Expr groups;
    Halide::Expr iw, ih;  ///< Input columns and rows.
    Halide::Expr kw, kh;  ///< Taps.
    Halide::Expr stride_x, stride_y;
    Halide::Expr pad_x, pad_y;  ///< Leading zeros; negative values skip input.
    Halide::Expr dilation_x, dilation_y;
    bool framed = true;  ///< false: no zeros around the input, so pads are 0 and never read.
};

/// input with zeros outside its columns and rows, indexed from the padded corner:
///   result(ci, g, x, y, n) = input(ci, g, x - pad_x, y - pad_y, n), 0 outside.
/// Groups behind the last one repeat it: they fill up vectors of groups and are never stored.
/// By hand: a BoundaryConditions helper adds a Func and partitions loops at each edge.
inline Halide::Expr zero_padded(const Halide::Func &input, const ConvGeometry &geo, Halide::Expr ci,
                                Halide::Expr g, Halide::Expr x, Halide::Expr y, Halide::Expr n) {
    const Halide::Expr sx = x - geo.pad_x, sy = y - geo.pad_y;
    const Halide::Expr pixel = input(ci, clamp(g, 0, geo.groups - 1), clamp(sx, 0, geo.iw - 1),
                                     clamp(sy, 0, geo.ih - 1), n);
    return select(sx >= 0 && sx < geo.iw && sy >= 0 && sy < geo.ih, pixel,
                  Halide::Internal::make_zero(pixel.type()));
}

}  // namespace convwright
