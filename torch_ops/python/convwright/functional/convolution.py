# SPDX-License-Identifier: Apache-2.0
"""`conv2d`, in the place of torch.nn.functional.conv2d."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.compiler import is_compiling
from torch.overrides import has_torch_function_variadic

from convwright import _eligibility, _first_calls, _plain, _trace
from convwright._arguments import IntOrPair, pad_far_side, padding_by_name, pair
from convwright._converted import by_float32
from convwright._functions import DIFFERENTIABLE, conv2d_eager, transform_active
from convwright._ops import RAW, fprop_eager
from convwright._overrides import overridden

_dispatch_modes = torch._C._len_torch_dispatch_stack


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Tensor:
    """torch.nn.functional.conv2d, computed by Convwright's kernels where there is one.

    input [N, Ci, H, W] or [Ci, H, W], weight [Co, Ci/groups, Kh, Kw], bias [Co]; returns
    [N, Co, Ho, Wo] or [Co, Ho, Wo] with Ho = (H + 2*padding - dilation*(Kh - 1) - 1) // stride + 1.
    stride, padding (elements, or "valid" or "same") and dilation are one number or (height, width).
    The result is channels_last where input or weight is.

    Kernels exist for float32 on the CPU and on CUDA devices, for bfloat16 with groups > 1
    (depthwise too) on the CPU, and for bfloat16 and float16 in channels_last on CUDA devices with
    tensor cores for them. On CPUs where oneDNN has no kernels of bfloat16 or of float16, the
    float32 kernels compute what has none here, of converted operands. Everything else, and autocast
    to a dtype that nothing of this serves, goes to torch.nn.functional.conv2d; `convwright.explain`
    says which and why. Bad arguments raise what PyTorch raises; `LibraryMissing` is raised if the
    operator library could not be loaded.
    """
    if not is_compiling():
        plain = _portable if _first_calls.pending else _fastest
        output = plain(input, weight, bias, stride, padding, dilation, groups)
        if output is not NotImplemented:
            return output
    if has_torch_function_variadic(input, weight, bias):
        return overridden(conv2d, F.conv2d, input, weight, bias, stride, padding, dilation, groups)
    return _thorough(input, weight, bias, stride, padding, dilation, groups)


def _eager(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    """By the operator, which itself refuses what it has no kernel for."""
    if _first_calls.pending:
        _first_calls.tune(conv2d, input, weight, bias, stride, padding, dilation, groups)
    if torch.is_grad_enabled() and (
        weight.requires_grad or input.requires_grad or (bias is not None and bias.requires_grad)
    ):
        return conv2d_eager(input, weight, bias, stride, padding, dilation, groups)
    return fprop_eager(input, weight, bias, stride, padding, dilation, groups)


_portable = _plain.portable(_eager)
_fastest = _plain.library.conv2d if _plain.library else _portable


def _thorough(input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
    """Everything else: compilers, transforms, other dtypes and forms of arguments, errors."""
    groups = geometry[3]
    dtype = _eligibility.autocast_dtype(input, groups)
    if dtype is not None:
        operands = [_eligibility.cast(t, dtype) for t in (input, weight, bias)]
        with torch.autocast(_eligibility.device_type(input), enabled=False):
            return conv2d(*operands, *geometry)
    tensors = (input, weight) if bias is None else (input, weight, bias)
    if _eligibility.converted(tensors, (weight,), groups):
        return by_float32(conv2d, "fprop", input, weight, bias, *geometry)
    reason = _eligibility.why_pytorch(tensors, (weight,), groups)
    if reason is not None:
        _trace.note_unless_compiling("fprop", reason, input, weight)
        return F.conv2d(input, weight, bias, *geometry)
    try:
        if type(geometry[1]) is str or input.dim() != 4:
            return _rewritten(input, weight, bias, *geometry)
        return _run(input, weight, bias, *geometry)
    except (RuntimeError, TypeError, ValueError) as error:
        refusal = error
    return _after_refusal(refusal, input, weight, bias, *geometry)


def _run(input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
    """The operator by the cheapest way that is right here."""
    if is_compiling():
        # Dynamo refuses our jvp, and register_autograd would drop tangents without a word.
        op = F.conv2d if transform_active() else RAW.fprop
        # Numbers become constants of the graph: the operators have no symbolic geometry.
        return op(input, weight, bias, *_plain_geometry(*geometry))
    if transform_active():
        return DIFFERENTIABLE.fprop(input, weight, bias, *geometry)
    if _dispatch_modes():
        geometry = _plain_geometry(*geometry)
    return _eager(input, weight, bias, *geometry)


def _rewritten(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    """Unbatched input and padding by name, in the operator's terms."""
    if type(padding) is str:
        padding, extra = padding_by_name(padding, stride, dilation, weight.shape[2:])
        input = pad_far_side(input, extra)
    if input.dim() == 3:
        output = _run(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups)
        return output.squeeze(0)
    return _run(input, weight, bias, stride, padding, dilation, groups)


def _after_refusal(
    refusal: Exception,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Tensor:
    """Bad arguments raise PyTorch's own error here; the operator's texts are not for users."""
    if str(refusal).startswith("convwright: "):
        raise refusal  # no refusal: there was no memory, say, which PyTorch words otherwise
    F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    # PyTorch accepts them. It takes more forms of integers than an operator of ours does, such as
    # stride=(2,) or NumPy's.
    plain = _plain_geometry(stride, padding, dilation, groups)
    if plain != (stride, padding, dilation, groups):
        return conv2d(input, weight, bias, *plain)
    raise refusal


def _plain_geometry(stride: Any, padding: Any, dilation: Any, groups: Any) -> tuple[Any, ...]:
    padding = padding if isinstance(padding, str) else pair(padding)
    return pair(stride), padding, pair(dilation), operator.index(groups)
