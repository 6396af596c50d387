// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "torch_ops/csrc/checks.h"

namespace convwright {

/// The raw operators. float32, on the CPU bfloat16 with groups, and on GPUs with tensor cores bfloat16
/// and float16 in channels_last run Convwright's kernels; other dtypes, empty tensors and sizes beyond
/// 32 bits call aten. RuntimeError texts are
/// PyTorch's.

/// input [N,Ci,H,W], weight [Co,Ci/groups,Kh,Kw], bias [Co] -> [N,Co,Oh,Ow], channels_last if input
/// or weight is, else contiguous.
Tensor conv2d_fprop(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups);

/// max(0, conv2d_fprop), a NaN as it is.
Tensor conv2d_relu(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
                   const IntList &stride, const IntList &padding, const IntList &dilation,
                   int64_t groups);

/// conv2d_fprop with numbers in place of lists.
Tensor conv2d_fprop_eager(const Tensor &input, const Tensor &weight,
                          const std::optional<Tensor> &bias, int64_t stride_h, int64_t stride_w,
                          int64_t pad_h, int64_t pad_w, int64_t dilation_h, int64_t dilation_w,
                          int64_t groups);

/// Gradient of the input, of which only sizes and strides are read; format as for fprop. One element,
/// expanded to these sizes, leaves the format to grad_output and weight.
Tensor conv2d_dgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups);

/// Gradient of the weight, of which only sizes and strides are read. It has the weight's strides
/// where those are without gaps and overlap, else it is contiguous.
Tensor conv2d_wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups);

/// Problem string of these arguments in a direction ("fprop", "dgrad" or "wgrad").
std::string conv2d_problem(const Tensor &input, const Tensor &weight, bool bias,
                           const IntList &stride, const IntList &padding, const IntList &dilation,
                           int64_t groups, const std::string &direction);

}  // namespace convwright
