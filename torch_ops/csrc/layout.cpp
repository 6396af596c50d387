// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/layout.h"

#include <cstdint>

namespace convwright {
namespace {

constexpr int kN = 0, kC = 1, kH = 2, kW = 3;

/// Dimensions of a format, innermost first.
constexpr std::array<int, 4> order(Format format) {
    return format == Format::kNhwc ? std::array<int, 4>{kC, kW, kH, kN}
                                   : std::array<int, 4>{kW, kH, kC, kN};
}

/// Strides with those of size-1 dimensions set to what a dense tensor has there.
Quad canonical(const Quad &sizes, Quad strides, Format format) {
    int64_t inner = 1;
    for (const int d : order(format)) {
        if (sizes[d] == 1) strides[d] = inner;
        inner = strides[d] * sizes[d];
    }
    return strides;
}

bool within(Reach reach, const Quad &sizes, const Quad &strides) {
    for (int d = 0; d < 4; d++) {
        const int64_t furthest = reach == Reach::kElements32 ? sizes[d] * strides[d] : strides[d];
        if (furthest > INT32_MAX) return false;
    }
    return true;
}

/// Whether columns and rows of a channel, for channels_last also channels and images of the batch, follow
/// each other: a slice of channels has gaps between its columns.
bool without_gaps(const Quad &sizes, const Quad &strides, Format format) {
    if (strides[kH] != sizes[kW] * strides[kW]) return false;
    return format == Format::kNchw ||
           (strides[kW] == sizes[kC] && strides[kN] == sizes[kH] * strides[kH]);
}

}  // namespace

Quad sizes_of(const Tensor &t) {
    const auto s = t.sizes();
    return {s[0], s[1], s[2], s[3]};
}

Quad strides_of(const Tensor &t) {
    const auto s = t.strides();
    return {s[0], s[1], s[2], s[3]};
}

Format suggested_format(const Tensor &t) {
    const Quad sizes = sizes_of(t), strides = strides_of(t);
    if (strides[kC] == 0) return Format::kNchw;
    int64_t least = 0;
    for (const int d : order(Format::kNhwc)) {
        if (sizes[d] == 0 || strides[d] < least) return Format::kNchw;
        // Ambiguous: [N,1,1,1] and rows sliced to one column. aten falls back to contiguous.
        if (d == kN && least == strides[kC]) return Format::kNchw;
        least = strides[d] * (sizes[d] > 1 ? sizes[d] : 1);
    }
    return Format::kNhwc;
}

Quad dense_strides(const Quad &sizes, Format format) {
    Quad strides{};
    int64_t inner = 1;
    for (const int d : order(format)) {
        strides[d] = inner;
        inner *= sizes[d];
    }
    return strides;
}

Operand operand(const Tensor &t, Format format, Reach reach) {
    const Quad sizes = sizes_of(t);
    const int innermost = order(format)[0];
    Quad strides = canonical(sizes, strides_of(t), format);
    Operand result;
    if (strides[innermost] != 1 || !within(reach, sizes, strides)) {
        result.copy =
            new_copy(t, format == Format::kNhwc ? torch::headeronly::MemoryFormat::ChannelsLast
                                                : torch::headeronly::MemoryFormat::Contiguous);
        strides = dense_strides(sizes, format);
    }
    const Tensor &source = result.copy ? *result.copy : t;
    result.view = {source.const_data_ptr(), strides[kN], strides[kC], strides[kH], strides[kW]};
    result.dense = without_gaps(sizes, strides, format);
    return result;
}

Tensor empty_strided(const Quad &sizes, const Quad &strides, DType dtype, const Place &place) {
    const int32_t type = dtype == DType::kF32    ? aoti_torch_dtype_float32()
                         : dtype == DType::kBf16 ? aoti_torch_dtype_bfloat16()
                                                 : aoti_torch_dtype_float16();
    return new_tensor(4, sizes.data(), strides.data(), type, place);
}

}  // namespace convwright
