// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv_geometry.h"
#include "generators/output_tasks.h"

namespace convwright {

/// How depthwise kernels of a GPU divide their work. A thread has `vec` channels, side by side in
/// memory, and strips of `pixels` pixels along x: what it reads of a row of the input serves all of
/// them. Taps and stride along x are compiled in. Whether x is columns or rows is for the host to say:
/// it gives tensors with these axes exchanged where neighbouring threads are to be neighbouring columns.
struct DepthwiseTile {
    int channels = 32;         ///< Of a block, in whole vectors.
    int vec = 4, pixels = 4;   ///< Of a thread.
    int taps = 3, stride = 1;  ///< Along x.
    bool strips_first =
        true;  ///< Strips of a row follow each other, else those of neighbouring rows.

    int lanes() const { return channels / vec; }                  ///< Vectors of channels.
    int columns() const { return (pixels - 1) * stride + taps; }  ///< Of the input, for a strip.
};

/// All strips of all images as one index.
struct DepthwiseStrips {
    bool strips_first = true;
    FastDivision strips, rows;      ///< Strips of a row, and rows of an image.
    Halide::Expr columns;           ///< Pixels of a row.
    Halide::Expr images, channels;  ///< channels: vectors of them.

    struct Place {
        Halide::Expr strip, row, image;
        Halide::Expr exists;
    };
    Place place(const Halide::Expr &number) const {
        const FastDivision &first = strips_first ? strips : rows;
        const FastDivision &second = strips_first ? rows : strips;
        const Halide::Expr rest = first.quotient(number), image = second.quotient(rest);
        const Halide::Expr a = first.remainder(number, rest), b = second.remainder(rest, image);
        return {promised(strips_first ? a : b, strips.divisor),
                promised(strips_first ? b : a, rows.divisor),
                promised(min(image, images - 1), images), image < images};
    }

    /// Channel v of a vector; behind the last one it is repeated. Aligned as the first channel is.
    Halide::Expr channel(const Halide::Expr &vector, const Halide::Expr &v, int vec) const {
        return promised(min(vector, channels - 1), channels) * vec + v;
    }
};

/// Pixel (x, y) of a padded input (channel, x, y, n), 0 outside. What lies there is read and dropped: no
/// load waits for a branch.
inline Halide::Expr depthwise_pixel(const Halide::Func &input, const ConvGeometry &geo,
                                    const Halide::Expr &channel, const Halide::Expr &x,
                                    const Halide::Expr &y, const Halide::Expr &n) {
    const Halide::Expr sx = x - geo.pad_x, sy = y - geo.pad_y;
    const Halide::Expr inside = sx >= 0 && sx < geo.iw && sy >= 0 && sy < geo.ih;
    const Halide::Expr pixel = input(channel, promised(clamp(sx, 0, geo.iw - 1), geo.iw),
                                     promised(clamp(sy, 0, geo.ih - 1), geo.ih), n);
    return select(inside, pixel, 0.0f);
}

}  // namespace convwright
