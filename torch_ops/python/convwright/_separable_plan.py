# SPDX-License-Identifier: Apache-2.0
"""What a call of a pointwise and a depthwise convolution in a row means: its checks and its plan.

The pointwise weight is [Co, Ci] or [Co, Ci, 1, 1], the depthwise weight [C, 1, Kh, Kw] or
[C, Kh, Kw] with C = Co where the pointwise step is first (weighted sum), else C = Ci (depthwise
separable). Stride, padding and dilation are the depthwise step's.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from convwright import _kinds
from convwright._arguments import Pair, padding_by_name, pair

_POINTWISE = ((1, 1), (0, 0), (1, 1), 1)


class Form(NamedTuple):
    """An order of the two steps."""

    name: str  # of the public function, in the texts of errors
    op: str  # in front of the problem string
    pointwise_first: bool
    fused_op: str  # the operator of kind `fused`, if the library has it


WEIGHTED_SUM = Form("weighted_sum_conv2d", "wsum2d", True, "weighted_sum_fprop")
DEPTHWISE_SEPARABLE = Form(
    "depthwise_separable_conv2d", "dwsep2d", False, "depthwise_separable_fprop"
)


class Plan(NamedTuple):
    """A checked call; geometries are (stride, padding, dilation, groups) of conv2d."""

    form: Form
    kind: str
    dense_sizes: tuple[int, int, int, int]  # Co, Ci, Kh, Kw
    first: tuple[Any, ...]
    second: tuple[Any, ...]
    dense: tuple[Any, ...]  # of the composed convolution
    far_side: Pair  # rows and columns of zeros that the input has more below and at the right
    mark: str = ""  # who named the kind: "(tuned)", "(shipped)", or nobody

    def in_order(self, pointwise: Tensor, depthwise: Tensor) -> tuple[Tensor, Tensor]:
        """The weights of the first and of the second step, both with 4 dimensions."""
        # view takes half the time of indexing with None, 1.2 us.
        if pointwise.dim() != 4:
            pointwise = pointwise.view(*self.dense_sizes[:2], 1, 1)
        if depthwise.dim() != 4:
            depthwise = depthwise.unsqueeze(1)
        return (pointwise, depthwise) if self.form.pointwise_first else (depthwise, pointwise)


def make_plan(
    form: Form,
    input: Sequence[int],
    pointwise: Sequence[int],
    depthwise: Sequence[int],
    bias: Sequence[int] | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    forced_kind: str,
) -> Plan:
    """The plan of a call on tensors of these sizes.

    Raises RuntimeError or TypeError, in the manner of PyTorch's conv2d, for what does not fit.
    """
    co, ci = _pointwise_channels(pointwise)
    channels, kh, kw = _depthwise_sizes(form, pointwise, depthwise)
    _check_input(form, input, ci, pointwise, depthwise)
    if bias is not None and tuple(bias) != (co,):
        raise RuntimeError(
            f"Given pointwise weight of size {list(pointwise)}, expected bias to be 1-dimensional "
            f"with {co} elements, but got bias of size {list(bias)} instead"
        )
    stride = _checked_pair(form, "stride", stride, least=1)
    dilation = _checked_pair(form, "dilation", dilation, least=1)
    far_side = (0, 0)
    if isinstance(padding, str):
        padding, far_side = padding_by_name(padding, stride, dilation, (kh, kw))
    else:
        padding = _checked_pair(form, "padding", padding, least=0)
    _check_kernel(input, (kh, kw), padding, dilation, far_side)

    kind = forced_kind
    if kind == "auto":
        kind = _kinds.choose_kind(form.pointwise_first, ci, co, (kh, kw), stride)
    if kind == "fused" and not hasattr(torch.ops.convwright, form.fused_op):
        raise RuntimeError(
            f"kind 'fused' was forced, but the operator library has no {form.fused_op}; "
            "use 'auto', 'unfused' or 'composed'."
        )
    geometry = stride, padding, dilation
    steps = [_POINTWISE, (*geometry, channels)]
    first, second = steps if form.pointwise_first else reversed(steps)
    return Plan(form, kind, (co, ci, kh, kw), first, second, (*geometry, 1), far_side)


def _pointwise_channels(pointwise: Sequence[int]) -> tuple[int, int]:
    if len(pointwise) not in (2, 4) or any(size != 1 for size in pointwise[2:]):
        raise RuntimeError(
            "expected pointwise weight to have 2 dimensions, [Co, Ci], or to be [Co, Ci, 1, 1], "
            f"but got pointwise weight of size {list(pointwise)} instead"
        )
    return pointwise[0], pointwise[1]


def _depthwise_sizes(
    form: Form, pointwise: Sequence[int], depthwise: Sequence[int]
) -> tuple[int, int, int]:
    if len(depthwise) not in (3, 4) or (len(depthwise) == 4 and depthwise[1] != 1):
        raise RuntimeError(
            "expected depthwise weight to have 4 dimensions, [C, 1, Kh, Kw], or to be "
            f"[C, Kh, Kw], but got depthwise weight of size {list(depthwise)} instead"
        )
    channels = pointwise[0] if form.pointwise_first else pointwise[1]
    if depthwise[0] != channels:
        raise RuntimeError(
            f"Given pointwise weight of size {list(pointwise)}, expected depthwise weight to have "
            f"{channels} channels at dimension 0, but got depthwise weight of size "
            f"{list(depthwise)} instead"
        )
    return channels, depthwise[-2], depthwise[-1]


def _check_input(
    form: Form, input: Sequence[int], ci: int, pointwise: Sequence[int], depthwise: Sequence[int]
) -> None:
    if len(input) not in (3, 4):
        raise RuntimeError(
            f"Expected 3D (unbatched) or 4D (batched) input to {form.name}, "
            f"but got input of size: {list(input)}"
        )
    if input[-3] != ci:
        first, sizes = (
            ("pointwise", pointwise) if form.pointwise_first else ("depthwise", depthwise)
        )
        raise RuntimeError(
            f"Given {first} weight of size {list(sizes)}, expected input{list(input)} to have "
            f"{ci} channels, but got {input[-3]} channels instead"
        )


def _checked_pair(form: Form, name: str, value: Any, least: int) -> Pair:
    try:
        values = pair(value)
    except TypeError:
        raise TypeError(
            f"{form.name}(): argument '{name}' must be tuple of ints, not {type(value).__name__}"
        ) from None
    if len(values) != 2:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of 2 values to match the "
            f"convolution dimensions, but got {name}={list(values)}"
        )
    if min(values) < least:
        raise RuntimeError(f"{'non-positive' if least else 'negative'} {name} is not supported")
    return values


def _check_kernel(
    input: Sequence[int], kernel: Pair, padding: Pair, dilation: Pair, far_side: Pair
) -> None:
    if min(kernel) < 1:
        raise RuntimeError(f"expected depthwise weight to have taps, but its kernel is {kernel}")
    padded = [
        size + 2 * p + extra for size, p, extra in zip(input[-2:], padding, far_side, strict=True)
    ]
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    if spans[0] > padded[0] or spans[1] > padded[1]:
        raise RuntimeError(
            f"Calculated padded input size per channel: ({padded[0]} x {padded[1]}). "
            f"Kernel size: ({spans[0]} x {spans[1]}). "
            "Kernel size can't be greater than actual input size"
        )
