// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <optional>
#include <string>

#include "torch_ops/csrc/checks.h"

namespace convwright {

/// Convolution of float32 tensors, all on the CPU or all on one GPU, whose multiply is the named multiplier in "float32" or "bfloat16",
/// in the order of sums of runtime/approx_conv.h. Arguments, sizes and memory formats as those of
/// conv2d_fprop and its gradients; there is no fall-back. RuntimeError, one sentence, for an unknown
/// multiplier or a format that it lacks. With `mantissa_table`, int32 entries as
/// runtime/multipliers/mantissa_table.h has them, the name of the multiplier does not count.
Tensor approx_conv2d_fprop(const Tensor &input, const Tensor &weight,
                           const std::optional<Tensor> &bias, const IntList &stride,
                           const IntList &padding, const IntList &dilation, int64_t groups,
                           const std::string &multiplier, const std::string &number_format,
                           const std::optional<Tensor> &mantissa_table);
Tensor approx_conv2d_dgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                           const IntList &stride, const IntList &padding, const IntList &dilation,
                           int64_t groups, const std::string &multiplier,
                           const std::string &number_format,
                           const std::optional<Tensor> &mantissa_table);
Tensor approx_conv2d_wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                           const IntList &stride, const IntList &padding, const IntList &dilation,
                           int64_t groups, const std::string &multiplier,
                           const std::string &number_format,
                           const std::optional<Tensor> &mantissa_table);

}  // namespace convwright
