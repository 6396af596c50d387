# SPDX-License-Identifier: Apache-2.0
"""`conv2d_relu`: a convolution and the ReLU after it."""

from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.overrides import handle_torch_function, has_torch_function_variadic

from convwright import _first_calls, _plain
from convwright._arguments import IntOrPair
from convwright._functions import conv2d_relu_eager
from convwright._ops import fprop_relu_eager
from convwright.functional.convolution import conv2d


def conv2d_relu(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Tensor:
    """max(0, conv2d(...)). Arguments, sizes, formats and errors are conv2d's.

    Backward keeps the output alone, not the sum before the ReLU; at 0 the gradient is 0, as of
    torch.relu.
    """
    if not is_compiling():
        plain = _portable if _first_calls.pending else _fastest
        output = plain(input, weight, bias, stride, padding, dilation, groups)
        if output is not NotImplemented:
            return output
    if has_torch_function_variadic(input, weight, bias):
        return handle_torch_function(
            conv2d_relu,
            (input, weight, bias),
            input,
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
        )
    return conv2d(input, weight, bias, stride, padding, dilation, groups).relu()


def _eager(input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
    if _first_calls.pending:
        _first_calls.tune(conv2d_relu, input, weight, bias, *geometry)
    if torch.is_grad_enabled() and (
        weight.requires_grad or input.requires_grad or (bias is not None and bias.requires_grad)
    ):
        return conv2d_relu_eager(input, weight, bias, *geometry)
    return fprop_relu_eager(input, weight, bias, *geometry)


_portable = _plain.portable(_eager)
_fastest = _plain.library.conv2d_relu if _plain.library else _portable
