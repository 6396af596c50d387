// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <array>
#include <optional>
#include <vector>

#include "runtime/conv_problem.h"

namespace convwright {

using torch::stable::Tensor;
using IntList = std::vector<int64_t>;

/// Geometry arguments shared by the three directions.
struct ConvArguments {
    using Pair = std::array<int64_t, 2>;  ///< (rows, columns)
    Pair stride, padding, dilation;
    int64_t groups;

    ConvArguments(Pair stride, Pair padding, Pair dilation, int64_t groups)
        : stride(stride), padding(padding), dilation(dilation), groups(groups) {}
    /// Throws std::runtime_error unless each list has two values.
    ConvArguments(const IntList &stride, const IntList &padding, const IntList &dilation,
                  int64_t groups);
};

/// Throws std::runtime_error with PyTorch's texts where the tensors of a convolution are on different
/// devices, or on a GPU and of different dtypes.
void check_one_type(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias);

/// Sizes of the convolution of `input` [N,Ci,H,W] with `weight` [Co,Ci/groups,Kh,Kw] and `bias` [Co].
/// Throws std::runtime_error with the text of torch.nn.functional.conv2d for what that refuses.
/// Direction and format are left at their defaults.
ConvProblem check_conv2d(const Tensor &input, const Tensor &weight,
                         const std::optional<Tensor> &bias, const ConvArguments &arguments);

/// The same for a gradient; `grad_output` must have the output's sizes, and all tensors one device.
ConvProblem check_conv2d_backward(const char *op, const Tensor &grad_output, const Tensor &input,
                                  const Tensor &weight, const ConvArguments &arguments);

}  // namespace convwright
