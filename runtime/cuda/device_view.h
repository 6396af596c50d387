// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/buffers.h"

namespace convwright::cuda {

/// A BufferView of device memory: kernels' host code reads its device pointer alone.
template<size_t N>
class DeviceView : public BufferView<N> {
public:
    DeviceView(const void *data, const std::array<Extent, N> &extents, DType dtype = DType::kF32)
        : BufferView<N>(nullptr, extents, dtype) {
        this->get()->device = reinterpret_cast<uintptr_t>(data);
    }
};

}  // namespace convwright::cuda
