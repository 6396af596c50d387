# SPDX-License-Identifier: Apache-2.0
"""Weighted sums and depthwise separable convolutions: problems, tensors, PyTorch's two steps."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from cases import FORMATS, memory_order
from torch import Tensor

from convwright import _kinds
from convwright.functional import depthwise_separable_conv2d, weighted_sum_conv2d

FUNCTIONS = {"wsum": weighted_sum_conv2d, "dwsep": depthwise_separable_conv2d}
FUSED_OPS = {"wsum": "weighted_sum_fprop", "dwsep": "depthwise_separable_fprop"}


@dataclass(frozen=True)
class Case:
    """One call; sizes in elements, `channels` is (input, output), pairs are (h, w)."""

    form: str = "wsum"
    channels: tuple[int, int] = (3, 4)
    size: tuple[int, int] = (7, 9)
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] | str = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    batch: int = 2
    bias: bool = True

    def __str__(self) -> str:
        defaults = Case()
        changed = {k: v for k, v in vars(self).items() if v != getattr(defaults, k)}
        return ",".join(f"{k}={v}".replace(" ", "") for k, v in changed.items()) or "defaults"

    @property
    def geometry(self) -> tuple:
        return self.stride, self.padding, self.dilation


def operands(case: Case, input_format: str = "nchw", weight_format: str = "nchw") -> list[Tensor]:
    """(input, the two weights in the order of the steps[, bias]): integers in [-2, 2].

    Products of three of them over every sum of these cases stay below 2**24: exact in float32.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*sizes: int) -> Tensor:
        return torch.randint(-2, 3, sizes, generator=generator).float()

    ci, co = case.channels
    depthwise_channels = co if case.form == "wsum" else ci
    pointwise = draw(co, ci)
    depthwise = draw(depthwise_channels, 1, *case.kernel).contiguous(
        memory_format=FORMATS[weight_format]
    )
    input = draw(case.batch, ci, *case.size).contiguous(memory_format=FORMATS[input_format])
    weights = [pointwise, depthwise] if case.form == "wsum" else [depthwise, pointwise]
    return [input, *weights, *([draw(co)] if case.bias else [])]


def two_steps(form: str) -> Callable[..., Tensor]:
    """The same function as two convolutions of PyTorch, with the arguments of ours."""

    def depthwise_step(x: Tensor, weight: Tensor, bias: Tensor | None, *geometry) -> Tensor:
        weight = weight if weight.dim() == 4 else weight[:, None]
        return F.conv2d(x, weight, bias, *geometry, groups=weight.shape[0])

    def pointwise_step(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.conv2d(x, weight.reshape(*weight.shape[:2], 1, 1), bias)

    def function(input, first, second, bias=None, stride=1, padding=0, dilation=1) -> Tensor:
        geometry = stride, padding, dilation
        if form == "wsum":
            return depthwise_step(pointwise_step(input, first), second, bias, *geometry)
        return pointwise_step(depthwise_step(input, first, None, *geometry), second, bias)

    return function


def call(function: Callable[..., Tensor], case: Case, tensors: list[Tensor]) -> Tensor:
    bias = tensors[3] if len(tensors) > 3 else None
    return function(*tensors[:3], bias, *case.geometry)


def results(function: Callable[..., Tensor], case: Case, tensors: list[Tensor]) -> list[Tensor]:
    """Output and the gradient of each tensor, of which those that have none are made leaves."""
    leaves = [t.detach().requires_grad_() for t in tensors]
    output = call(function, case, leaves)
    generator = torch.Generator().manual_seed(1)
    grad_output = torch.randint(-2, 3, output.shape, generator=generator).to(output)
    return [output, *torch.autograd.grad(output, leaves, grad_output)]


NAMES = ("output", "grad of input", "grad of first", "grad of second", "grad of bias")


def assert_same(actual: list[Tensor], expected: list[Tensor], note: object, **bounds) -> None:
    """Compare output and gradients; default: equal to the last bit."""
    for name, ours, torchs in zip(NAMES, actual, expected, strict=False):
        torch.testing.assert_close(
            ours,
            torchs.to(ours.dtype),
            **{"rtol": 0, "atol": 0, **bounds},
            msg=lambda text, n=name: f"{n}: {text}\ncase: {note}",
        )


def assert_same_order(actual: list[Tensor], expected: list[Tensor], note: object) -> None:
    for name, ours, torchs in zip(NAMES, actual, expected, strict=False):
        assert memory_order(ours) == memory_order(torchs), f"strides of {name}; case: {note}"


def kinds(form: str) -> list[str]:
    """The kinds that this operator library has for `form`."""
    has_fused = hasattr(torch.ops.convwright, FUSED_OPS[form])
    return [kind for kind in _kinds.KINDS if kind != "fused" or has_fused]


FORMS_AND_KINDS = [
    pytest.param(form, kind, id=f"{form}-{kind}") for form in FUNCTIONS for kind in kinds(form)
]

# Around the sizes of vectors and register tiles, and each parameter apart.
CASES = [
    Case(),
    Case(bias=False),
    Case(channels=(1, 1)),
    Case(channels=(1, 8)),
    Case(channels=(7, 1)),
    Case(channels=(16, 8), size=(8, 8)),
    Case(channels=(17, 33), size=(4, 17)),
    Case(channels=(9, 15), size=(5, 16), batch=1),
    Case(size=(1, 1)),
    Case(kernel=(1, 1), padding=(0, 0)),
    Case(kernel=(1, 1), padding=(0, 0), stride=(2, 2)),
    Case(kernel=(5, 5), padding=(2, 2)),
    Case(kernel=(2, 4), padding=(1, 2)),
    Case(kernel=(3, 5), padding=(0, 2), stride=(1, 2)),
    Case(kernel=(2, 2), padding=(0, 0), stride=(2, 2), size=(8, 8)),
    Case(stride=(3, 2), padding=(0, 1)),
    Case(stride=(5, 5)),
    Case(padding=(4, 5)),
    Case(dilation=(2, 3), padding=(2, 3)),
    Case(dilation=(2, 2), stride=(2, 2), padding=(2, 2)),
    Case(padding="same"),
    Case(padding="same", kernel=(4, 3), dilation=(1, 2)),
    Case(padding="valid"),
    Case(batch=0),
]
