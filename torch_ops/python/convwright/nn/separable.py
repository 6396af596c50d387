# SPDX-License-Identifier: Apache-2.0
"""`WeightedSumConv2d` and `DepthwiseSeparableConv2d`: two convolutions in a row as one layer."""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter, init

from convwright.functional import depthwise_separable_conv2d, weighted_sum_conv2d
from convwright.nn._two_modules import renamed

_HYPERPARAMETERS = ("kernel_size", "stride", "padding", "dilation", "padding_mode")


class _Separable(torch.nn.Module):
    """What both orders share: parameters, initialisation, checkpoints, text."""

    in_channels: int
    out_channels: int
    pointwise: Parameter
    depthwise: Parameter
    bias: Parameter | None

    # Names of the weights in the order of the steps.
    steps: tuple[str, str]

    # Whether the load under way is of this layer alone and strict. What PyTorch tells a layer of a
    # larger model is always `strict`.
    _whole_or_not = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        channels = out_channels if self.steps[0] == "pointwise" else in_channels
        # Checks the arguments and brings them into PyTorch's form; draws no random numbers.
        step = torch.nn.Conv2d(
            channels,
            channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups=channels,
            bias=False,
            padding_mode=padding_mode,
            device="meta",
        )
        self._take_hyperparameters(step, in_channels, out_channels)
        options = {"device": device, "dtype": dtype}
        weights = {
            "pointwise": (out_channels, in_channels),
            "depthwise": (channels, 1, *step.kernel_size),
        }
        for name in self.steps:
            setattr(self, name, Parameter(torch.empty(weights[name], **options)))
        self.register_parameter(
            "bias", Parameter(torch.empty(out_channels, **options)) if bias else None
        )
        self.reset_parameters()

    def _take_hyperparameters(
        self, step: torch.nn.Conv2d, in_channels: int, out_channels: int
    ) -> None:
        self.in_channels, self.out_channels = in_channels, out_channels
        for name in _HYPERPARAMETERS:
            setattr(self, name, getattr(step, name))
        self._reversed_padding_repeated_twice = step._reversed_padding_repeated_twice

    @classmethod
    def from_modules(
        cls, first: torch.nn.Linear | torch.nn.Conv2d, second: torch.nn.Conv2d
    ) -> "_Separable":
        """The layer that is `second(first(x))`, on the very parameters of the two.

        One of them is depthwise, the other a 1x1 convolution (or, for a weighted sum, a Linear);
        the first has no bias. The caller has checked that.
        """
        layer = cls.__new__(cls)
        torch.nn.Module.__init__(layer)
        modules = dict(zip(cls.steps, (first, second), strict=True))
        co, ci = modules["pointwise"].weight.shape[:2]
        layer._take_hyperparameters(modules["depthwise"], ci, co)
        for name, module in modules.items():
            setattr(layer, name, module.weight)
        layer.register_parameter("bias", second.bias)
        return layer.train(second.training)

    def reset_parameters(self) -> None:
        """Draw new values, those of two torch.nn layers that are made one after the other."""
        fan_in = 0
        for name in self.steps:
            weight = getattr(self, name)
            init.kaiming_uniform_(weight, a=math.sqrt(5))
            fan_in = weight[0].numel()
        if self.bias is not None and fan_in > 0:
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """input with the padding that is not zeros, and the padding that is left.

        The padded tensor of a weighted sum is z = pointwise * input, but a sum over channels
        commutes with copying pixels, so that padding the input is the same.
        """
        if self.padding_mode == "zeros":
            return input, self.padding
        padding = self._reversed_padding_repeated_twice
        return F.pad(input, padding, mode=self.padding_mode), (0, 0)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As of torch.nn.Module, also from the two-module form.

        A strict load that raises has loaded nothing.
        """
        self._whole_or_not = strict
        try:
            return super().load_state_dict(state_dict, strict, assign)
        finally:
            del self._whole_or_not

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        parameters = self.named_parameters(recurse=False)
        sizes = {name: tuple(parameter.shape) for name, parameter in parameters}
        state = renamed(state_dict, prefix, self.steps, sizes)
        missing = [prefix + name for name in sizes if prefix + name not in state]
        unexpected = [
            key
            for key in state
            if (name := key.removeprefix(prefix)) not in {*sizes, *self._buffers}
            and name.partition(".")[0] not in self._modules
        ]
        mismatches = [
            f"size mismatch for {prefix}{name}: copying a param with shape {value.shape} from "
            f"checkpoint, the shape in current model is {torch.Size(wanted)}."
            for name, wanted in sizes.items()
            if (value := state.get(prefix + name)) is not None and tuple(value.shape) != wanted
        ]
        if mismatches or (self._whole_or_not and (missing or unexpected)):
            # All faults at once, and nothing is loaded.
            missing_keys += missing
            unexpected_keys += unexpected
            error_msgs += mismatches
            return
        super()._load_from_state_dict(
            state, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        if self.padding != (0, 0):
            parts.append(f"padding={self.padding!r}")
        if self.dilation != (1, 1):
            parts.append(f"dilation={self.dilation}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class WeightedSumConv2d(_Separable):
    """A 1x1 convolution without bias, then a depthwise convolution with one, as one layer.

    Input [N, Ci, H, W] or [Ci, H, W], output [N, Co, Ho, Wo] or [Co, Ho, Wo]; arguments, Ho and Wo
    are torch.nn.Conv2d's, and padding pads the 1x1 convolution's result. Parameters: `pointwise`
    [Co, Ci], `depthwise` [Co, 1, Kh, Kw], `bias` [Co] or None, with the initial values of

        torch.nn.Sequential(
            torch.nn.Conv2d(Ci, Co, 1, bias=False),  # or torch.nn.Linear
            torch.nn.Conv2d(Co, Co, K, groups=Co))

    whose checkpoints it loads too: `0.weight` as `pointwise`, `1.weight` as `depthwise`, `1.bias`
    as `bias`, and also `pointwise.weight`, `depthwise.weight`, `depthwise.bias`. A strict load of
    other keys raises one error that lists the missing and the unexpected, and loads nothing.
    `convwright.functional.weighted_sum_conv2d` says what runs where.
    """

    steps = ("pointwise", "depthwise")

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._padded(input)
        return weighted_sum_conv2d(
            input, self.pointwise, self.depthwise, self.bias, self.stride, padding, self.dilation
        )


class DepthwiseSeparableConv2d(_Separable):
    """A depthwise convolution without bias, then a 1x1 convolution with one, as one layer.

    Like `WeightedSumConv2d` in the other order. Parameters: `depthwise` [Ci, 1, Kh, Kw],
    `pointwise` [Co, Ci], `bias` [Co] or None. Checkpoints of the two-module form: `0.weight` as
    `depthwise`, `1.weight` as `pointwise`, `1.bias` as `bias`, and also `depthwise.weight`,
    `pointwise.weight`, `pointwise.bias`.
    """

    steps = ("depthwise", "pointwise")

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._padded(input)
        return depthwise_separable_conv2d(
            input, self.depthwise, self.pointwise, self.bias, self.stride, padding, self.dilation
        )
