// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tuple>

#include "torch_ops/csrc/checks.h"

namespace convwright {

/// Two convolutions in a row without a bias between them, as a pointwise and a depthwise one are. On the
/// CPU, in float32 and with kernels for all of it, a block of images at a time, so that what passes from
/// one step to the next comes from L2: the result is that of the operators of conv2d.h one after the
/// other, but for the order in which the gradients of the weights are summed, which depends on sizes
/// alone. Else those operators run. A geometry is (stride, padding, dilation, groups), seven numbers.

/// (output, z): z is the first convolution's result.
std::tuple<Tensor, Tensor> chain_fprop(const Tensor &input, const Tensor &first,
                                       const Tensor &second, const std::optional<Tensor> &bias,
                                       const IntList &first_geometry,
                                       const IntList &second_geometry);

/// Gradients of (input, first, second). That of z is never whole on the CPU; on a GPU a weighted sum has those of z
/// and the input from weighted_sum_dgrad().
std::tuple<Tensor, Tensor, Tensor> chain_backward(const Tensor &grad_output, const Tensor &input,
                                                  const Tensor &z, const Tensor &first,
                                                  const Tensor &second,
                                                  const IntList &first_geometry,
                                                  const IntList &second_geometry);

}  // namespace convwright
