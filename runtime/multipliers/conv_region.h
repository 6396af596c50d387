// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/conv2d.h"

namespace convwright {

/// Sizes of an fprop problem as the 8-bit engines count them. An axis of one tap without padding is
/// seen through larger steps of the input: its stride is 1 then.
struct ConvShape {
    int64_t n = 1, groups = 1, ci = 1, co = 1;  ///< Channels of one group.
    int64_t ih = 1, iw = 1, oh = 1, ow = 1, kh = 1, kw = 1;
    int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
    int64_t step_h = 1, step_w = 1;  ///< Of the input's strides.

    explicit ConvShape(const ConvProblem &problem);
    int64_t taps() const { return kh * kw; }
    int64_t k() const { return ci * taps(); }  ///< Products of a sum.
    Activation stepped(Activation input) const {
        return {input.data, input.n, input.c, input.h * step_h, input.w * step_w};
    }
};

/// The output pixels of a task: rows, counted through all images, and columns. Its pixels are
/// numbered row by row.
struct Region {
    int64_t row, rows, x, columns;
    int64_t pixels() const { return rows * columns; }
};

/// A partition of all output pixels into regions.
struct RegionGrid {
    int64_t all_rows, ow, rows, columns;

    /// Regions of about `pixels` pixels, wide rows are cut. Prefers numbers of pixels just below a
    /// multiple of `lanes`.
    RegionGrid(const ConvShape &shape, int64_t pixels, int64_t lanes);
    int64_t columns_count() const { return (ow + columns - 1) / columns; }
    int64_t count() const { return (all_rows + rows - 1) / rows * columns_count(); }
    Region at(int64_t i) const;
};

/// The input rows and columns that a region reads, padding included. Rows are numbered from 0,
/// image after image; the taps of output row r read base(r) + ky * dilation_h.
class RegionInput {
public:
    RegionInput(const ConvShape &shape, const Region &region);

    int64_t rows() const;
    int64_t columns() const {
        return (region_.columns - 1) * shape_.stride_w + (shape_.kw - 1) * shape_.dilation_w + 1;
    }
    int64_t base(int64_t output_row) const;  ///< Of the region's output_row-th row.

    /// A piece of input in scratch: of `row`, the columns first, first + step, ... (`columns`).
    struct Piece {
        int64_t row, first = 0, step = 1, columns;
    };
    /// Copies channels c.. of it to to[c * to_c + column * to_x]; `pad_value` outside of the input.
    /// One of to_c and to_x is 1; to_x = channels, if to_c is.
    void copy(const Activation &input, uint8_t pad_value, int64_t channel, int64_t channels,
              const Piece &piece, uint8_t *to, int64_t to_c, int64_t to_x) const;

private:
    int64_t reach() const { return (shape_.kh - 1) * shape_.dilation_h + 1; }

    const ConvShape &shape_;
    Region region_;
    int64_t first_image_, first_y_, first_rows_, image_rows_;
};

}  // namespace convwright
