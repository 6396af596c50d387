// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <optional>

#include "torch_ops/csrc/checks.h"

namespace convwright {

/// Sums of products of bytes, int32 [N,Co,Oh,Ow]: input and weight are both int8 or both uint8, on the CPU or
/// on one GPU, products are entries [a * 256 + w] of `table` (of the CPU) by their bytes, and positions
/// outside of the input read `pad_value`. Tensors of a GPU need `device_table`: what
/// int8_device_table() makes of the table, on that GPU. That it is of this table is the caller's promise: to
/// look would wait for the GPU, so its number of words alone is checked. Words of another table give
/// wrong sums; nothing outside of the tensors is read. RuntimeError, one sentence, for other dtypes, for
/// a pad_value that is none, and where there is no kernel.
Tensor approx_int8_conv2d(const Tensor &input, const Tensor &weight, const IntList &stride,
                          const IntList &padding, const IntList &dilation, int64_t groups,
                          const Tensor &table, int64_t pad_value,
                          const std::optional<Tensor> &device_table);

}  // namespace convwright
