# SPDX-License-Identifier: Apache-2.0
"""`Conv2d`, in the place of torch.nn.Conv2d, and `Conv2dReLU`."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from convwright.functional import conv2d, conv2d_relu


class Conv2d(torch.nn.Conv2d):
    """torch.nn.Conv2d, computed by Convwright.

    Input [N, Ci, H, W] or [Ci, H, W], output [N, Co, Ho, Wo] or [Co, Ho, Wo]. Constructor,
    parameters, initialisation, state_dict, padding modes and errors are torch.nn.Conv2d's: only
    the call that computes the convolution differs. `convwright.functional.conv2d` says what runs
    where.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return self._convolve(conv2d, input, weight, bias)

    def _convolve(
        self,
        function: Callable[..., Tensor],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
    ) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0, 0)
        return function(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv2dReLU(Conv2d):
    """`Conv2d` and the ReLU after it. Constructor, parameters and state_dict are Conv2d's."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return self._convolve(conv2d_relu, input, weight, bias)
