// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "torch_ops/csrc/checks.h"

namespace convwright {

/// PyTorch's own convolution, for what Convwright has no kernel. Arguments must have passed the
/// checks: the stable ABI loses the text of errors from aten.
Tensor aten_fprop(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
                  const ConvArguments &arguments);
Tensor aten_relu(const Tensor &input);
Tensor aten_dgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                  const ConvArguments &arguments);
/// Of the strides of new_like(weight).
Tensor aten_wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                  const ConvArguments &arguments);

}  // namespace convwright
