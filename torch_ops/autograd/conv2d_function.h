// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

namespace convwright::autograd {

struct Geometry {
    std::array<int64_t, 2> stride, padding, dilation;  ///< Rows, columns.
    int64_t groups;
};

/// What a backward gives: the gradients of input, weight and bias, undefined where not needed.
using Gradients = std::array<at::Tensor, 3>;

/// A backward that is itself differentiated, or runs under a transform: `needs` as of Gradients.
using CarefulBackward = Gradients (*)(const at::Tensor &grad_output, const at::Tensor &input,
                                      const at::Tensor &weight, const Geometry &geometry,
                                      std::array<bool, 3> needs);
/// Set once, before the first backward.
void set_careful_backward(CarefulBackward backward);

/// Whether forward-mode levels or torch.func's transforms are active in this thread: then derivatives are
/// not ours alone.
bool transform_active();

/// The operators convwright::conv2d_fprop.eager, or conv2d_relu, on float32 tensors of one device, with
/// a node of the graph where a gradient is wanted. Throws what they throw.
at::Tensor conv2d(const at::Tensor &input, const at::Tensor &weight,
                  const std::optional<at::Tensor> &bias, const Geometry &geometry, bool relu);

}  // namespace convwright::autograd
