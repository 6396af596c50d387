// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>

#include "runtime/conv2d.h"
#include "torch_ops/csrc/new_tensor.h"

namespace convwright {

/// Sizes or strides of a 4-D tensor, in torch's order.
using Quad = std::array<int64_t, 4>;

Quad sizes_of(const Tensor &t);
Quad strides_of(const Tensor &t);

/// c10::TensorImpl's suggest_memory_format for 4-D strided tensors, which the stable ABI does not
/// offer: kNhwc where it says ChannelsLast.
Format suggested_format(const Tensor &t);

/// Strides of a tensor without gaps.
Quad dense_strides(const Quad &sizes, Format format);

/// An activation that a kernel of one format can read, valid while the tensor it was made of is.
struct Operand {
    std::optional<Tensor> copy;  ///< Set where `t` itself could not be read.
    Activation view{};
    bool dense = false;  ///< No gaps between columns, rows and images.
};

/// What kernels can reach in a tensor.
enum class Reach {
    kElements32,  ///< Every element's offset has 32 bits.
    kStrides32,   ///< Every stride has.
};

/// `t` as it is where its dense dimension has stride 1 and it is within reach, else a copy in
/// `format`, as aten makes one. Strides of dimensions of size 1 mean nothing and are replaced.
Operand operand(const Tensor &t, Format format, Reach reach = Reach::kElements32);

/// new_tensor() of these sizes and strides.
Tensor empty_strided(const Quad &sizes, const Quad &strides, DType dtype = DType::kF32,
                     const Place &place = Place::cpu());

}  // namespace convwright
