# SPDX-License-Identifier: Apache-2.0
"""`conv_transpose2d`, in the place of torch.nn.functional.conv_transpose2d: dgrad as a forward."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.compiler import is_compiling
from torch.overrides import has_torch_function_variadic

from convwright import _counting, _eligibility, _first_calls, _trace
from convwright._arguments import IntOrPair, Pair, pad_far_side, pair
from convwright._converted import by_float32
from convwright._functions import DIFFERENTIABLE, transform_active
from convwright._ops import BELOW_AUTOGRAD, RAW
from convwright._overrides import overridden
from convwright._vmap import sizes_only


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
) -> Tensor:
    """torch.nn.functional.conv_transpose2d, computed by Convwright's kernels where there is one.

    input [N, Ci, H, W] or [Ci, H, W], weight [Ci, Co/groups, Kh, Kw], bias [Co]; returns
    [N, Co, Ho, Wo] or [Co, Ho, Wo], where
    Ho = (H - 1) * stride - 2 * padding + dilation * (Kh - 1) + output_padding + 1.

    It is the dgrad of a convolution of the output's sizes, and `explain` names it so; its gradients
    are that convolution's fprop and wgrad. What `conv2d` says of formats, dtypes, devices and
    errors holds.
    """
    geometry = stride, padding, output_padding, groups, dilation
    if has_torch_function_variadic(input, weight, bias):
        return overridden(conv_transpose2d, F.conv_transpose2d, input, weight, bias, *geometry)
    dtype = _eligibility.autocast_dtype(input, groups)
    if dtype is not None:
        operands = [_eligibility.cast(t, dtype) for t in (input, weight, bias)]
        with torch.autocast(_eligibility.device_type(input), enabled=False):
            return conv_transpose2d(*operands, *geometry)
    tensors = (input, weight) if bias is None else (input, weight, bias)
    if _eligibility.converted(tensors, tensors[:2], groups):
        return by_float32(conv_transpose2d, "dgrad", input, weight, bias, *geometry)
    reason = _why_pytorch(tensors, groups)
    if reason is not None:
        _trace.note_unless_compiling("dgrad", reason, input, weight)
        return F.conv_transpose2d(input, weight, bias, *geometry)
    try:
        return _as_dgrad(input, weight, bias, *geometry)
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        refusal = error
    if str(refusal).startswith("convwright: "):
        raise refusal  # no refusal: there was no memory, say, which PyTorch words otherwise
    F.conv_transpose2d(input, weight, bias, *geometry)  # raises PyTorch's error
    raise refusal


def _why_pytorch(tensors: tuple[Tensor, ...], groups: Any) -> str | None:
    reason = _eligibility.why_pytorch(tensors, tensors[1:2], groups)
    if reason is not None:
        return reason
    if tensors[0].numel() == 0:
        return "input is empty"
    if _counting.count is not None:  # flops takes in what a layer is: no gradient
        return "its operations are counted"
    if is_compiling() and transform_active():
        # Dynamo refuses our jvp, and register_autograd would drop tangents without a word.
        return "a transform is compiled"
    dtypes = {t.dtype for t in tensors}
    return None if len(dtypes) == 1 else "the tensors differ in dtype"


def _as_dgrad(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Tensor:
    if weight.dim() != 4 or input.dim() not in (3, 4):
        raise ValueError(f"conv_transpose2d takes no {input.dim()}-dimensional input")
    batched = input if input.dim() == 4 else input.unsqueeze(0)
    stride, padding, dilation = pair(stride), pair(padding), pair(dilation)
    extra, groups = pair(output_padding), operator.index(groups)
    if min(stride) < 1:
        raise ValueError(f"stride is {stride}, it is 1 or more")
    if not all(0 <= e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ValueError(f"output_padding is {extra}, it is less than stride or dilation")
    co = weight.shape[1] * groups
    if bias is not None and bias.shape != (co,):
        raise ValueError(f"bias has shape {tuple(bias.shape)}, the output {co} channels")
    output_sizes = [
        (size - 1) * s - 2 * p + d * (k - 1) + e + 1
        for size, s, p, d, k, e in zip(
            batched.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True
        )
    ]
    # The convolution of an output that is whole strides longer reaches rows that input has not.
    batched = pad_far_side(batched, tuple(e // s for e, s in zip(extra, stride, strict=True)))
    sizes = sizes_only(batched, [batched.shape[0], co, *output_sizes])
    output = _dgrad(batched, sizes, weight, stride, padding, dilation, groups)
    if bias is not None:
        output = output + bias[:, None, None]
    return output if input.dim() == 4 else output.squeeze(0)


def _dgrad(
    input: Tensor,
    sizes: Tensor,
    weight: Tensor,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Tensor:
    """The operator by the cheapest way that is right here."""
    geometry = stride, padding, dilation, groups
    if is_compiling():
        return RAW.dgrad(input, sizes, weight, *geometry)
    if _first_calls.pending:
        _first_calls.tune(RAW.dgrad, input, sizes, weight, *geometry)
    wanted = torch.is_grad_enabled() and (input.requires_grad or weight.requires_grad)
    ops = DIFFERENTIABLE if wanted or transform_active() else BELOW_AUTOGRAD
    return ops.dgrad(input, sizes, weight, *geometry)
