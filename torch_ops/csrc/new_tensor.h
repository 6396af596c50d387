// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <optional>

namespace convwright {

using torch::stable::Tensor;

/// Where tensors live, in aten's numbers.
struct Place {
    int32_t device_type, index;

    bool operator==(const Place &) const = default;
    static Place cpu();
    static Place of(const Tensor &t);
};

/// A new tensor of `dimensions` sizes and strides, not initialised; `type` is aten's number. On a GPU it comes
/// from PyTorch's caching allocator: for use on the current stream. Throws std::runtime_error, one sentence, where
/// there is no memory: what aten says of it does not come through the stable ABI.
Tensor new_tensor(int64_t dimensions, const int64_t *sizes, const int64_t *strides, int32_t type,
                  const Place &place);

/// A copy of `t` without gaps, in a format where one is given. Throws as new_tensor().
Tensor new_copy(const Tensor &t,
                std::optional<torch::headeronly::MemoryFormat> format = std::nullopt);

/// A new tensor as aten::empty_like makes it, not initialised: of t's strides where those have no gaps and do not
/// overlap, else without gaps and its dimensions in t's order. Throws as new_tensor().
Tensor new_like(const Tensor &t);

}  // namespace convwright
