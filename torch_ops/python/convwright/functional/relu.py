# SPDX-License-Identifier: Apache-2.0
"""`conv2d_relu`: a convolution and the ReLU after it."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_variadic

from convwright import _first_calls
from convwright._arguments import IntOrPair
from convwright._eligibility import PLAIN_TYPES, special
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
    if (
        type(input) in PLAIN_TYPES
        and input.dtype is torch.float32
        and (input.is_cpu or input.is_cuda)
    ):
        try:
            if type(weight) in PLAIN_TYPES and not special():
                return _eager(input, weight, bias, stride, padding, dilation, groups)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            pass  # the way below repeats the call with care and says what is wrong
    return conv2d(input, weight, bias, stride, padding, dilation, groups).relu()


def _eager(input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
    if _first_calls.pending:
        _first_calls.tune(conv2d_relu, input, weight, bias, *geometry)
    if torch.is_grad_enabled() and (
        weight.requires_grad or input.requires_grad or (bias is not None and bias.requires_grad)
    ):
        return conv2d_relu_eager(input, weight, bias, *geometry)
    return fprop_relu_eager(input, weight, bias, *geometry)
