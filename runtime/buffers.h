// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <HalideRuntime.h>

#include <array>
#include <cstdint>

#include "runtime/conv_problem.h"

namespace convwright {

/// One dimension of a buffer, in elements.
struct Extent {
    int64_t extent, stride;
};

/// A halide_buffer_t over memory of the caller, innermost dimension first. The caller has checked
/// that sizes and strides fit 32 bits.
template<size_t N>
class BufferView {
public:
    BufferView(const void *data, const std::array<Extent, N> &extents, DType dtype = DType::kF32) {
        for (size_t d = 0; d < N; d++) {
            dims_[d] = {0, static_cast<int32_t>(extents[d].extent),
                        static_cast<int32_t>(extents[d].stride), 0};
        }
        buffer_.host = static_cast<uint8_t *>(const_cast<void *>(data));
        buffer_.type = bytes_of(dtype) == 2 ? halide_type_t(halide_type_uint, 16)
                                            : halide_type_t(halide_type_float, 32);
        buffer_.dimensions = N;
        buffer_.dim = dims_;
    }
    BufferView(const BufferView &) = delete;
    BufferView &operator=(const BufferView &) = delete;
    halide_buffer_t *get() { return &buffer_; }

private:
    halide_dimension_t dims_[N];
    halide_buffer_t buffer_{};
};

}  // namespace convwright
