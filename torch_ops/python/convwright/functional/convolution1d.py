# SPDX-License-Identifier: Apache-2.0
"""`conv1d`, in the place of torch.nn.functional.conv1d: a view on `conv2d`."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import has_torch_function_variadic

from convwright import _eligibility, _trace
from convwright._arguments import single
from convwright._converted import by_float32
from convwright._overrides import overridden
from convwright.functional.convolution import conv2d


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int] = 1,
    padding: int | tuple[int] | str = 0,
    dilation: int | tuple[int] = 1,
    groups: int = 1,
) -> Tensor:
    """torch.nn.functional.conv1d, computed by Convwright's 2-D kernels on images of one row.

    input [N, Ci, L] or [Ci, L], weight [Co, Ci/groups, K], bias [Co]; returns [N, Co, Lo] or
    [Co, Lo]. A permuted input is copied first, as PyTorch does. What `conv2d` says of dtypes,
    devices and errors holds.
    """
    if has_torch_function_variadic(input, weight, bias):
        return overridden(conv1d, F.conv1d, input, weight, bias, stride, padding, dilation, groups)
    tensors = (input, weight) if bias is None else (input, weight, bias)
    if _eligibility.converted(tensors, (weight,), groups):
        return by_float32(conv1d, "fprop", input, weight, bias, stride, padding, dilation, groups)
    reason = _eligibility.why_pytorch(tensors, (weight,), groups)
    if reason is not None and _eligibility.autocast_dtype(input, groups) is None:
        _trace.note_unless_compiling("fprop", reason, input, weight)
        return F.conv1d(input, weight, bias, stride, padding, dilation, groups)
    try:
        return _as_rows(input, weight, bias, stride, padding, dilation, groups)
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        refusal = error
    F.conv1d(input, weight, bias, stride, padding, dilation, groups)  # raises PyTorch's error
    raise refusal


def _as_rows(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Tensor:
    if weight.dim() != 3 or input.dim() not in (2, 3):
        raise ValueError(f"conv1d takes no {input.dim()}-dimensional input and such weights")
    if input.dim() == 3:
        # As aten: else a permuted input would be read, and its result made, as channels_last.
        input = input.contiguous()
    if type(padding) is not str:
        padding = (0, single(padding))
    rows = conv2d(
        input.unsqueeze(-2),
        weight.unsqueeze(-2),
        bias,
        (1, single(stride)),
        padding,
        (1, single(dilation)),
        groups,
    )
    return rows.squeeze(-2)
