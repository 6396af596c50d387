// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/aten.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <array>

#include "torch_ops/csrc/layout.h"

namespace convwright {
namespace {

using torch::stable::detail::from;
using torch::stable::detail::to;

const IntList kNoOutputPadding{0, 0};

IntList list_of(const ConvArguments::Pair &pair) { return {pair[0], pair[1]}; }

/// aten::convolution_backward with one of its three results.
Tensor backward(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                const ConvArguments &a, int wanted) {
    const bool mask[] = {wanted == 0, wanted == 1, wanted == 2};
    std::array<StableIValue, 11> stack{from(grad_output),
                                       from(input),
                                       from(weight),
                                       from(std::nullopt),
                                       from(list_of(a.stride)),
                                       from(list_of(a.padding)),
                                       from(list_of(a.dilation)),
                                       from(false),
                                       from(kNoOutputPadding),
                                       from(a.groups),
                                       from(torch::headeronly::HeaderOnlyArrayRef<bool>(mask, 3))};
    TORCH_ERROR_CODE_CHECK(
        torch_call_dispatcher("aten::convolution_backward", "", stack.data(), TORCH_ABI_VERSION));
    // The two results that were not asked for are undefined tensors, owned by us all the same.
    std::array<Tensor, 3> results{to<Tensor>(stack[0]), to<Tensor>(stack[1]), to<Tensor>(stack[2])};
    return results[wanted];
}

}  // namespace

Tensor aten_fprop(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
                  const ConvArguments &a) {
    std::array<StableIValue, 9> stack{from(input),
                                      from(weight),
                                      from(bias),
                                      from(list_of(a.stride)),
                                      from(list_of(a.padding)),
                                      from(list_of(a.dilation)),
                                      from(false),
                                      from(kNoOutputPadding),
                                      from(a.groups)};
    TORCH_ERROR_CODE_CHECK(
        torch_call_dispatcher("aten::convolution", "", stack.data(), TORCH_ABI_VERSION));
    return to<Tensor>(stack[0]);
}

Tensor aten_relu(const Tensor &input) {
    std::array<StableIValue, 1> stack{from(input)};
    TORCH_ERROR_CODE_CHECK(
        torch_call_dispatcher("aten::relu", "", stack.data(), TORCH_ABI_VERSION));
    return to<Tensor>(stack[0]);
}

Tensor aten_dgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                  const ConvArguments &arguments) {
    return backward(grad_output, input, weight, arguments, 0);
}

Tensor aten_wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                  const ConvArguments &arguments) {
    // aten gives it the format of the convolution; kernels, and so the fake kernel, give it the weight's strides.
    const Tensor gradient = backward(grad_output, input, weight, arguments, 1);
    if (strides_of(gradient) == strides_of(weight)) return gradient;
    Tensor result = new_like(weight);
    if (strides_of(gradient) == strides_of(result)) return gradient;
    return torch::stable::copy_(result, gradient);
}

}  // namespace convwright
