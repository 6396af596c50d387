# SPDX-License-Identifier: Apache-2.0
"""Layers in the place of PyTorch's: `Conv1d`, `Conv2d`, `ConvTranspose2d`; and `Conv2dReLU`.

torch.jit.script takes PyTorch's own convolution in them: its graphs are for places without
Convwright. It compiles no else of torch.jit.is_scripting().
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from convwright.functional import conv1d, conv2d, conv2d_relu, conv_transpose2d


def _convolve(
    layer: torch.nn.Conv1d | torch.nn.Conv2d,
    function: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    padding = layer.padding
    if layer.padding_mode != "zeros":
        input = F.pad(input, layer._reversed_padding_repeated_twice, mode=layer.padding_mode)
        padding = 0
    return function(input, weight, bias, layer.stride, padding, layer.dilation, layer.groups)


class Conv1d(torch.nn.Conv1d):
    """torch.nn.Conv1d, computed by Convwright: see `Conv2d` and `convwright.functional.conv1d`.

    Input [N, Ci, L] or [Ci, L], output [N, Co, Lo] or [Co, Lo].
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if torch.jit.is_scripting():
            return self._of_torch(input, weight, bias)
        else:
            return _convolve(self, conv1d, input, weight, bias)

    def _of_torch(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "zeros":
            padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv1d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv1d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(torch.nn.Conv2d):
    """torch.nn.Conv2d, computed by Convwright.

    Input [N, Ci, H, W] or [Ci, H, W], output [N, Co, Ho, Wo] or [Co, Ho, Wo]. Constructor,
    parameters, initialisation, state_dict, padding modes and errors are torch.nn.Conv2d's: only
    the call that computes the convolution differs. `convwright.functional.conv2d` says what runs
    where.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if torch.jit.is_scripting():
            return self._of_torch(input, weight, bias)
        else:
            return _convolve(self, conv2d, input, weight, bias)

    def _of_torch(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "zeros":
            padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv2d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2dReLU(Conv2d):
    """`Conv2d` and the ReLU after it. Constructor, parameters and state_dict are Conv2d's."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if torch.jit.is_scripting():
            return self._of_torch(input, weight, bias).relu()
        else:
            return _convolve(self, conv2d_relu, input, weight, bias)


class ConvTranspose2d(torch.nn.ConvTranspose2d):
    """torch.nn.ConvTranspose2d, computed by `convwright.functional.conv_transpose2d`.

    Input [N, Ci, H, W] or [Ci, H, W], output [N, Co, Ho, Wo] or [Co, Ho, Wo]; `output_size` is
    PyTorch's. Everything but the call that computes the output is torch.nn.ConvTranspose2d's.
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if self.padding_mode != "zeros":
            raise ValueError("Only `zeros` padding mode is supported for ConvTranspose2d")
        output_padding = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, 2, self.dilation
        )
        stride, padding, dilation = self.stride, self.padding, self.dilation
        if torch.jit.is_scripting():
            return F.conv_transpose2d(
                input,
                self.weight,
                self.bias,
                stride,
                padding,
                output_padding,
                self.groups,
                dilation,
            )
        else:
            return conv_transpose2d(
                input,
                self.weight,
                self.bias,
                stride,
                padding,
                output_padding,
                self.groups,
                dilation,
            )
