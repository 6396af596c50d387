# SPDX-License-Identifier: Apache-2.0
"""Forms that PyTorch takes for stride, padding and dilation, in the operators' terms."""

import operator
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

IntOrPair = int | tuple[int, int]
Pair = tuple[int, int]


def pair(value: Any) -> Pair:
    """(rows, columns) of one integer of any kind, or of a list of one or two.

    Raises TypeError for what is no integer; a list of another length is returned as a tuple.
    """
    if isinstance(value, tuple | list):
        values = tuple(operator.index(v) for v in value)
        return values * 2 if len(values) == 1 else values
    return (operator.index(value),) * 2


def single(value: Any) -> int:
    """One integer of any kind, or a list of one. Raises TypeError or ValueError for another."""
    if isinstance(value, tuple | list):
        (value,) = value
    return operator.index(value)


def padding_by_name(
    name: str, stride: Any, dilation: Any, kernel: Sequence[int]
) -> tuple[Pair, Pair]:
    """Padding "valid" or "same" as numbers, and the rows and columns that the far side has more.

    kernel is (Kh, Kw). Raises RuntimeError, with PyTorch's text, for another name and for "same"
    with a stride.
    """
    if name == "valid":
        return (0, 0), (0, 0)
    if name != "same":
        raise RuntimeError(f"Invalid padding string: '{name}'")
    if pair(stride) != (1, 1):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    reach_h, reach_w = (d * (k - 1) for d, k in zip(pair(dilation), kernel, strict=True))
    return (reach_h // 2, reach_w // 2), (reach_h % 2, reach_w % 2)


def pad_far_side(input: Tensor, extra: Pair) -> Tensor:
    """input with `extra` rows and columns of zeros below and at the right."""
    return F.pad(input, (0, extra[1], 0, extra[0])) if any(extra) else input


def first_tensor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The input of a layer's call as its hooks see it: the first tensor by position, else the one
    that is called `input`, else the first by another name; None where there is none."""
    values = (*args, kwargs.get("input"), *kwargs.values())
    return next((value for value in values if isinstance(value, Tensor)), None)
