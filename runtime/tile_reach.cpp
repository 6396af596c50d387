// SPDX-License-Identifier: Apache-2.0
#include "runtime/tile_reach.h"

namespace convwright {

const char *why_tiles_reach_too_far(const ConvProblem &p) {
    // No schedule has a tile of more windows than 16 by 16. Halide's buffers have 31 bits. In double:
    // numbers may be anything.
    constexpr double kTile = 16;
    const double rows = kTile * p.stride_h + double(p.dilation_h) * (p.kh - 1),
                 columns = kTile * p.stride_w + double(p.dilation_w) * (p.kw - 1);
    return rows * columns * p.ci * bytes_of(p.dtype) > INT32_MAX
               ? "a tile of windows spans 2^31 bytes or more"
               : nullptr;
}

}  // namespace convwright
