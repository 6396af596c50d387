// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/conv_region.h"

#include <algorithm>
#include <cstring>

#include "runtime/multipliers/strided_copy.h"

namespace convwright {
namespace {

constexpr int64_t kMostColumns = 1024;

void skip_between_taps(int64_t taps, int64_t pad, int64_t out, int64_t *in, int64_t *stride,
                       int64_t *step) {
    if (taps == 1 && pad == 0) *in = out, *step = *stride, *stride = 1;
}

}  // namespace

ConvShape::ConvShape(const ConvProblem &p)
    : n(p.n),
      groups(p.groups),
      ci(p.ci / p.groups),
      co(p.co / p.groups),
      ih(p.ih),
      iw(p.iw),
      oh(p.oh()),
      ow(p.ow()),
      kh(p.kh),
      kw(p.kw),
      stride_h(p.stride_h),
      stride_w(p.stride_w),
      pad_h(p.pad_h),
      pad_w(p.pad_w),
      dilation_h(p.dilation_h),
      dilation_w(p.dilation_w) {
    skip_between_taps(kh, pad_h, oh, &ih, &stride_h, &step_h);
    skip_between_taps(kw, pad_w, ow, &iw, &stride_w, &step_w);
}

RegionGrid::RegionGrid(const ConvShape &shape, int64_t pixels, int64_t lanes)
    : all_rows(shape.n * shape.oh), ow(shape.ow), rows(1), columns(std::min(ow, kMostColumns)) {
    double best = 0;
    for (int64_t r = 1; r <= all_rows && (r == 1 || r * columns <= pixels); r++) {
        const int64_t filled = r * columns, whole = (filled + lanes - 1) / lanes * lanes;
        // Larger regions share more of their frames, and tables stay in registers for longer.
        const double share = static_cast<double>(filled) / static_cast<double>(whole) *
                             (1 - 0.1 * static_cast<double>(lanes) / static_cast<double>(filled));
        if (share > best || r == 1) best = share, rows = r;
    }
}

Region RegionGrid::at(int64_t i) const {
    const int64_t row = i / columns_count() * rows, x = i % columns_count() * columns;
    return {row, std::min(rows, all_rows - row), x, std::min(columns, ow - x)};
}

RegionInput::RegionInput(const ConvShape &shape, const Region &region)
    : shape_(shape),
      region_(region),
      first_image_(region.row / shape.oh),
      first_y_(region.row % shape.oh) {
    const int64_t rows = std::min(shape.oh - first_y_, region.rows);
    first_rows_ = (rows - 1) * shape.stride_h + reach();
    image_rows_ = (shape.oh - 1) * shape.stride_h + reach();
}

int64_t RegionInput::base(int64_t output_row) const {
    const int64_t row = region_.row + output_row;
    const int64_t image = row / shape_.oh - first_image_, y = row % shape_.oh;
    if (image == 0) return (y - first_y_) * shape_.stride_h;
    return first_rows_ + (image - 1) * image_rows_ + y * shape_.stride_h;
}

int64_t RegionInput::rows() const { return base(region_.rows - 1) + reach(); }

void RegionInput::copy(const Activation &input, uint8_t pad_value, int64_t channel,
                       int64_t channels, const Piece &piece, uint8_t *to, int64_t to_c,
                       int64_t to_x) const {
    int64_t image = first_image_, iy = first_y_ * shape_.stride_h - shape_.pad_h + piece.row;
    if (piece.row >= first_rows_) {
        image += 1 + (piece.row - first_rows_) / image_rows_;
        iy = (piece.row - first_rows_) % image_rows_ - shape_.pad_h;
    }
    const int64_t ix = region_.x * shape_.stride_w - shape_.pad_w + piece.first;
    // Columns left of the input, inside of it and right of it.
    int64_t left = std::min(ix < 0 ? (-ix + piece.step - 1) / piece.step : 0, piece.columns);
    int64_t end = ix >= shape_.iw ? 0 : (shape_.iw - ix + piece.step - 1) / piece.step;
    end = std::max(std::min(end, piece.columns), left);
    if (iy < 0 || iy >= shape_.ih) left = end = piece.columns;

    const auto pad = [&](int64_t from, int64_t until) {
        if (from == until) return;
        if (to_c == 1) {
            std::memset(to + from * to_x, pad_value, static_cast<size_t>((until - from) * to_x));
            return;
        }
        for (int64_t c = 0; c < channels; c++) {
            std::memset(to + c * to_c + from, pad_value, static_cast<size_t>(until - from));
        }
    };
    pad(0, left);
    if (left < end) {
        const uint8_t *from = static_cast<const uint8_t *>(input.data) + image * input.n +
                              channel * input.c + iy * input.h + (ix + left * piece.step) * input.w;
        copy_2d(to + left * to_x, to_x, to_c, from, piece.step * input.w, input.c, end - left,
                channels);
    }
    pad(end, piece.columns);
}

}  // namespace convwright
