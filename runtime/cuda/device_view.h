// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/buffers.h"

namespace convwright::cuda {

/// A halide_buffer_t over the device's memory. An axis of one element has no stride that could
/// break what a kernel asks of strides.
template<size_t N>
class DeviceView : public BufferView<N> {
public:
    DeviceView(const void *data, const std::array<Extent, N> &extents, DType dtype = DType::kF32)
        : BufferView<N>(nullptr, extents, dtype) {
        halide_buffer_t &buffer = *this->get();
        buffer.device = reinterpret_cast<uint64_t>(data);
        for (size_t d = 1; d < N; d++) {
            if (buffer.dim[d].extent == 1) buffer.dim[d].stride = 0;
        }
    }
    DeviceView(const void *data, const std::array<Extent, N> &extents, halide_type_t type)
        : DeviceView(data, extents) {
        this->get()->type = type;
    }
};

}  // namespace convwright::cuda
