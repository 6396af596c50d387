// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/multipliers/operand_edit.h"
#include "runtime/multipliers/product_words.h"
#include "torch_ops/csrc/layout.h"

namespace convwright {

/// A product for CUDA kernels, by its forms.
struct CudaProduct {
    std::string name;  ///< As in problem strings of a trace; with `bits` the key of plans.
    std::vector<ProductForm> forms;
    std::optional<Tensor> table;  ///< Of fractions, int32 on the device, without gaps.
};

/// A float32 tensor of a GPU as a multiplier sees its operands, in the tensor's format.
Tensor edited_on_cuda(const Tensor &t, const OperandEdit &edit);

/// A convolution of float32 tensors on a GPU, enqueued on PyTorch's current stream. `result` is the
/// output (fprop), the gradient of the input (dgrad) or of the weight (wgrad), new, and takes the place of
/// that tensor; `output` is the gradient of the output in the other directions.
struct CudaConvolution {
    const Tensor &input, &weight, &output;
    const std::optional<Tensor> &bias;
};
void approx_on_cuda(const ConvProblem &problem, const CudaProduct &product,
                    const CudaConvolution &tensors);

/// A tensor of zeros, or of the bias of its channels where there is one, on the device of `like`.
Tensor no_products_on_cuda(const Tensor &like, const Quad &sizes, const Quad &strides,
                           const std::optional<Tensor> &bias);

}  // namespace convwright
