// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/new_tensor.h"

#include <torch/csrc/stable/ops.h>

#include <stdexcept>
#include <string>

namespace convwright {
namespace {

/// Of a GPU an earlier error shows here, too.
std::runtime_error no_memory(int64_t dimensions, const int64_t *sizes, const Place &place) {
    std::string list;
    for (int64_t d = 0; d < dimensions; d++) list += (d > 0 ? ", " : "") + std::to_string(sizes[d]);
    const bool cpu = place.device_type == Place::cpu().device_type;
    return std::runtime_error("convwright: there is no memory for a tensor of sizes [" + list +
                              "]" + (cpu ? "" : ", or the GPU has failed") +
                              "; use a smaller batch, or free some memory.");
}

std::runtime_error no_memory_like(const Tensor &t) {
    const auto sizes = t.sizes();
    return no_memory(t.dim(), sizes.data(), Place::of(t));
}

}  // namespace

Place Place::cpu() { return {aoti_torch_device_type_cpu(), 0}; }

Place Place::of(const Tensor &t) {
    Place place{};
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_type(t.get(), &place.device_type));
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_index(t.get(), &place.index));
    return place;
}

Tensor new_tensor(int64_t dimensions, const int64_t *sizes, const int64_t *strides, int32_t type,
                  const Place &place) {
    AtenTensorHandle handle = nullptr;
    if (aoti_torch_empty_strided(dimensions, sizes, strides, type, place.device_type, place.index,
                                 &handle) != 0)
        throw no_memory(dimensions, sizes, place);
    return Tensor(handle);
}

Tensor new_copy(const Tensor &t, std::optional<torch::headeronly::MemoryFormat> format) {
    try {
        return format ? torch::stable::contiguous(t, *format) : torch::stable::contiguous(t);
    } catch (const std::runtime_error &) {
        throw no_memory_like(t);
    }
}

Tensor new_like(const Tensor &t) {
    try {
        return torch::stable::empty_like(t);
    } catch (const std::runtime_error &) {
        throw no_memory_like(t);
    }
}

}  // namespace convwright
