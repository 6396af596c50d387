# SPDX-License-Identifier: Apache-2.0
"""`ApproxConv2d` and `ApproxLinear`: PyTorch's layers with an approximate multiplier."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convwright._approx_settings import check_settings
from convwright.functional.approximate import convolve, multiply
from convwright.multipliers import GradientTable, Multiplier
from convwright.nn._approximate import Approximate


class ApproxConv2d(Approximate, torch.nn.Conv2d):
    """torch.nn.Conv2d whose products are those of a model of a multiplier.

    Input [N, Ci, H, W] or [Ci, H, W], float32 on the CPU or a GPU; output of torch.nn.Conv2d's
    sizes.
    Constructor, parameters, initialisation, state_dict and padding modes are torch.nn.Conv2d's, and

    - multiplier: a text such as "mbm" or "drum(6)", or a `convwright.multipliers.Multiplier`;
    - backward: "ste" (the exact convolution's gradients), "approx" (the same multiplier in dgrad
      and wgrad), "derivative" (of the multiplier, piece by piece), and in an integer format "table"
      (slopes of its table) or a `convwright.multipliers.GradientTable`;
    - number_format: "float32"; "bfloat16", operands truncated to it, sums in float32; "int8" or
      "uint8", with the buffers input_scale, input_zero_point, weight_scale and weight_zero_point,
      which `convwright.quantisation.calibrate_` sets.

    A combination that does not exist raises ValueError with one sentence, here and where an
    attribute is set later. `convwright.functional.approx_conv2d` says in which order sums are taken
    and what is raised for other tensors; there is no fall-back to an exact convolution.
    """

    def __init__(
        self,
        *args: Any,
        multiplier: str | Multiplier = "mbm",
        backward: str | GradientTable = "ste",
        number_format: str = "float32",
        **kwargs: Any,
    ) -> None:
        settings = check_settings(multiplier, number_format, backward)
        super().__init__(*args, **kwargs)
        self._use(settings)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0, 0)
        geometry = (self.stride, padding, self.dilation, self.groups)
        return convolve(self._used, self.quantisation, input, weight, bias, *geometry)


class ApproxLinear(Approximate, torch.nn.Linear):
    """torch.nn.Linear whose products are those of a model of a multiplier.

    Input [..., in_features], float32 on the CPU or a GPU, output [..., out_features]; the rest as
    of `ApproxConv2d`. Computed as a 1x1 convolution over the rows.
    """

    def __init__(
        self,
        *args: Any,
        multiplier: str | Multiplier = "mbm",
        backward: str | GradientTable = "ste",
        number_format: str = "float32",
        **kwargs: Any,
    ) -> None:
        settings = check_settings(multiplier, number_format, backward)
        super().__init__(*args, **kwargs)
        self._use(settings)

    def forward(self, input: Tensor) -> Tensor:
        return multiply(self._used, self.quantisation, input, self.weight, self.bias)
