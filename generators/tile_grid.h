// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/fast_division.h"

namespace convwright {

/// How blocks count tiles of channels and pixels: channels fastest, then columns, rows and images.
struct TileGrid {
    FastDivision channels, columns, rows;  ///< Tiles of each.
    Halide::Expr images;

    struct Tile {
        Halide::Expr c, x, y, n;
    };
    Tile place(const Halide::Expr &number) const {
        const Halide::Expr pixels = channels.quotient(number);
        const Halide::Expr row = columns.quotient(pixels), image = rows.quotient(row);
        return {channels.remainder(number, pixels), columns.remainder(pixels, row),
                rows.remainder(row, image), image};
    }
    Halide::Expr blocks() const {
        return channels.divisor * columns.divisor * rows.divisor * images;
    }
};

/// Tiles of `size` that cover `extent`.
inline Halide::Expr tiles_of(const Halide::Expr &extent, int size) {
    return (extent + size - 1) / size;
}

}  // namespace convwright
