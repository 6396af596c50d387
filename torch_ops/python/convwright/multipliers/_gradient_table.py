# SPDX-License-Identifier: Apache-2.0
"""Gradient tables: slopes of an 8-bit multiplier, smoothed over neighbouring operands."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from convwright.multipliers._multiplier import Multiplier, parse

WINDOW = 8


@dataclass(frozen=True, eq=False)
class GradientTable:
    """Slopes of a product of 8-bit operands, float32, indexed by the operands' bytes.

    2-D: `activation` [256, 256] is dT/da at [a, w], `weight` [256, 256] is dT/dw at [a, w].
    Per operand: `activation` [256] is dT/da at [w] whatever a is, `weight` [256] is dT/dw at [a].
    """

    number_format: str
    activation: Tensor
    weight: Tensor

    @property
    def per_operand(self) -> bool:
        return self.activation.dim() == 1

    def __post_init__(self) -> None:
        for tensor in (self.activation, self.weight):
            sizes = tuple(tensor.shape)
            if sizes not in ((256,), (256, 256)) or tensor.dtype is not torch.float32:
                raise ValueError(
                    f"a gradient table is {tensor.dtype} of sizes {sizes}, it must be float32 of "
                    "(256,) or (256, 256)"
                )
        if self.activation.shape != self.weight.shape:
            raise ValueError(
                "the two gradient tables have other sizes, both must be (256,) or (256, 256)"
            )


@torch.inference_mode(False)  # as _multiplier._table
def gradient_table(
    multiplier: str | Multiplier,
    number_format: str,
    *,
    window: int = WINDOW,
    per_operand: bool = False,
) -> GradientTable:
    """The slopes of `multiplier`'s table T in "int8" or "uint8", by value of the operands.

    2-D: central difference over `window` steps to each side, shortened at the ends of the range,

        dT/da[a, w] = (T[a+, w] - T[a-, w]) / (a+ - a-),  a+ = min(a + window, most),
                                                          a- = max(a - window, least)

    and dT/dw along the other axis. Per operand: the slope of the line that is nearest to T[:, w] by
    least squares over all a,

        dT/da[w] = sum_a (a - mean(a)) T[a, w] / sum_a (a - mean(a))^2

    and dT/dw[a] along the other axis. Of the exact product both give w and a, up to rounding.
    Raises ValueError for a window below 1 or above 255, or a format without a table.
    """
    multiplier = parse(multiplier)
    if not 1 <= window <= 255:
        raise ValueError(f"window is {window}, it must be from 1 to 255")
    products = multiplier.table(number_format).reshape(256, 256).double()
    order = operands(number_format).argsort()  # bytes in the order of their values
    by_value = products[order][:, order]
    slope: Any = _fitted if per_operand else _difference
    along_a, along_w = slope(by_value, window), slope(by_value.t(), window)
    back = order.argsort()
    if per_operand:
        return GradientTable(number_format, along_a[back].float(), along_w[back].float())
    return GradientTable(
        number_format,
        along_a[back][:, back].float().contiguous(),
        along_w.t()[back][:, back].float().contiguous(),
    )


def operands(number_format: str) -> Tensor:
    """The number that each byte stands for, int64 [256]."""
    bytes_ = torch.arange(256)
    return torch.where(bytes_ >= 128, bytes_ - 256, bytes_) if number_format == "int8" else bytes_


def _difference(values: Tensor, window: int) -> Tensor:
    """[256, 256] -> slopes along the first axis, [256, 256]."""
    place = torch.arange(256)
    upper, lower = (place + window).clamp(max=255), (place - window).clamp(min=0)
    return (values[upper] - values[lower]) / (upper - lower)[:, None]


def _fitted(values: Tensor, _window: int) -> Tensor:
    """[256, 256] -> slope along the first axis, [256]."""
    centred = torch.arange(256, dtype=torch.float64) - 127.5
    return centred @ values / centred.square().sum()
