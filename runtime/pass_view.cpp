// SPDX-License-Identifier: Apache-2.0
#include "runtime/pass_view.h"

#include <algorithm>
#include <utility>

#include "runtime/packing.h"

namespace convwright {
namespace {

template<typename Element>
void fill(const PassView &v) {
    auto *data = static_cast<Element *>(const_cast<void *>(v.data));
    const int64_t channels = v.channel.extent * v.group.extent;
    for (int64_t n = 0; n < v.n.extent; n++) {
        for (int64_t y = 0; y < v.y.extent; y++) {
            Element *row = data + n * v.n.stride + y * v.y.stride;
            if (v.channel.stride == 1) {
                for (int64_t x = 0; x < v.x.extent; x++) {
                    std::fill_n(row + x * v.x.stride, channels, Element{});
                }
                continue;
            }
            for (int64_t c = 0; c < channels; c++) {
                for (int64_t x = 0; x < v.x.extent; x++) {
                    row[c * v.channel.stride + x * v.x.stride] = Element{};
                }
            }
        }
    }
}

}  // namespace

PassView view_input(const Activation &t, const ConvPass &pass, DType dtype) {
    return {t.data,
            dtype,
            {pass.ci, t.c},
            {pass.groups, pass.ci * t.c},
            {pass.x.in, t.w * pass.x.in_step},
            {pass.y.in, t.h * pass.y.in_step},
            {pass.n, t.n}};
}

PassView view_output(const Activation &t, const ConvPass &pass, DType dtype) {
    const PassAxis &x = pass.x, &y = pass.y;
    return {advanced(t.data, x.out_first * t.w + y.out_first * t.h, dtype),
            dtype,
            {pass.co, t.c},
            {pass.groups, pass.co * t.c},
            {x.out, t.w * x.out_step},
            {y.out, t.h * y.out_step},
            {pass.n, t.n}};
}

WeightView view_weight(const Weight &w, const ConvPass &pass, DType dtype) {
    const TapRange &tx = pass.x.taps, &ty = pass.y.taps;
    Extent out{pass.co, w.co}, in{pass.ci, w.ci};
    if (pass.transposed) std::swap(out.stride, in.stride);
    // Groups follow each other along the first axis of the tensor.
    const int64_t group = w.co * (pass.transposed ? pass.ci : pass.co);
    return {
        advanced(w.data, tx.first * w.w + ty.first * w.h, dtype),
        {{out, in, {tx.count, w.w * tx.step}, {ty.count, w.h * ty.step}, {pass.groups, group}}}};
}

void fill_zero(const PassView &view) {
    bytes_of(view.dtype) == 2 ? fill<uint16_t>(view) : fill<float>(view);
}

}  // namespace convwright
