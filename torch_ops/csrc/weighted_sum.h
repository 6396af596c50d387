// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tuple>

#include "torch_ops/csrc/checks.h"

namespace convwright {

/// The fused weighted sum, CPU: input [N,Ci,H,W], pointwise [Co,Ci,1,1], depthwise [Co,1,Kh,Kw],
/// bias [Co] -> [N,Co,Oh,Ow], channels_last if input or a weight is, else contiguous. float32 and
/// bfloat16. Where no fused kernel accepts the problem the two convolutions run one after the other.
Tensor weighted_sum_fprop(const Tensor &input, const Tensor &pointwise, const Tensor &depthwise,
                          const std::optional<Tensor> &bias, const IntList &stride,
                          const IntList &padding, const IntList &dilation);

/// Gradients of the input and, with `grad_z`, of z, the pointwise step's result; without, the second tensor may be
/// one without elements. Of input and z sizes and strides count. On CUDA one fused kernel for float32 in channels_last,
/// where tuning chose one or it is predicted to be faster than the gradients of the two convolutions one after the other,
/// which run else.
std::tuple<Tensor, Tensor> weighted_sum_dgrad(const Tensor &grad_output, const Tensor &input,
                                              const Tensor &z, const Tensor &pointwise,
                                              const Tensor &depthwise, const IntList &stride,
                                              const IntList &padding, const IntList &dilation,
                                              bool grad_z);

}  // namespace convwright
