# SPDX-License-Identifier: Apache-2.0
"""`conv2d`, in the place of torch.nn.functional.conv2d."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.functional_tensor import FunctionalTensor
from torch.overrides import handle_torch_function, has_torch_function_variadic

from convwright import _trace
from convwright._functions import DIFFERENTIABLE, conv2d_eager, transform_active
from convwright._ops import RAW, fprop_eager

_float32 = torch.float32
_strided = torch.strided
_autocast = torch.is_autocast_enabled
_jit_tracing_state = torch._C._get_tracing_state
_PLAIN_TYPES = frozenset({Tensor, torch.nn.Parameter})

IntOrPair = int | tuple[int, int]


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

    Kernels exist for float32 on the CPU. Everything else, and autocast, goes to
    torch.nn.functional.conv2d; `convwright.explain` says which and why. Bad arguments raise what
    PyTorch raises; `LibraryMissing` is raised if the operator library could not be loaded.
    """
    if has_torch_function_variadic(input, weight, bias):
        return handle_torch_function(
            conv2d, (input, weight, bias), input, weight, bias, stride, padding, dilation, groups
        )
    if type(input) in _PLAIN_TYPES and input.dtype is _float32 and input.is_cpu:
        try:
            if not _special(weight):
                return _eager(input, weight, bias, stride, padding, dilation, groups)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            pass  # the way below repeats the call with care and says what is wrong
    return _thorough(input, weight, bias, stride, padding, dilation, groups)


def _special(weight: Tensor) -> bool:
    """Whether more than plain eager tensors is at work."""
    return (
        type(weight) not in _PLAIN_TYPES
        or torch.compiler.is_compiling()
        or transform_active()
        or _autocast("cpu")
        or _jit_tracing_state() is not None
    )


def _eager(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    """The common case; the operator itself refuses what it has no kernel for."""
    if torch.is_grad_enabled() and (
        weight.requires_grad or input.requires_grad or (bias is not None and bias.requires_grad)
    ):
        return conv2d_eager(input, weight, bias, stride, padding, dilation, groups)
    return fprop_eager(input, weight, bias, stride, padding, dilation, groups)


def _thorough(input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
    """Everything else: compilers, transforms, other dtypes and forms of arguments, errors."""
    reason = _why_pytorch(input, weight, bias)
    if reason is not None:
        if _trace.active and not torch.compiler.is_compiling():
            _trace.note_pytorch("fprop", input, weight, reason)
        return F.conv2d(input, weight, bias, *geometry)
    try:
        if type(geometry[1]) is str or input.dim() != 4:
            return _rewritten(input, weight, bias, *geometry)
        return _run(input, weight, bias, *geometry)
    except (RuntimeError, TypeError, ValueError) as error:
        refusal = error
    return _after_refusal(refusal, input, weight, bias, *geometry)


def _why_pytorch(input: Tensor, weight: Tensor, bias: Tensor | None) -> str | None:
    """None where Convwright takes the call, else why PyTorch does."""
    tensors = (input, weight) if bias is None else (input, weight, bias)
    for tensor in tensors:
        if type(tensor) not in _PLAIN_TYPES and not _behaves_as_plain(tensor):
            return f"{type(tensor).__name__} is not a plain tensor"
        if tensor.dtype is not _float32:
            return f"dtype is {tensor.dtype}, kernels are float32"
        if not tensor.is_cpu:
            return f"device is {tensor.device}, kernels are for the CPU"
        if tensor.layout is not _strided:
            return f"layout is {tensor.layout}, kernels are strided"
    if _autocast("cpu"):
        return f"autocast to {torch.get_autocast_dtype('cpu')}, kernels are float32"
    if _jit_tracing_state() is not None:
        return "torch.jit traces: its graphs are for places without Convwright"
    if weight.numel() == 0:
        return "weight is empty"
    return None


def _behaves_as_plain(tensor: Any) -> bool:
    """Whether an op of ours may get this instance of a subclass.

    Tracers' tensors record any op; a subclass with a __torch_dispatch__ of its own knows aten only.
    """
    if not isinstance(tensor, Tensor):
        return False
    return (
        isinstance(tensor, FakeTensor | FunctionalTensor)
        or type(tensor).__torch_dispatch__ is Tensor.__torch_dispatch__
    )


def _run(input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
    """The operator by the cheapest way that is right here."""
    if torch.compiler.is_compiling():
        # Dynamo refuses our jvp, and register_autograd would drop tangents without a word.
        op = F.conv2d if transform_active() else RAW.fprop
        # Numbers become constants of the graph: the operators have no symbolic geometry.
        return op(input, weight, bias, *_plain(*geometry))
    if transform_active():
        return DIFFERENTIABLE.fprop(input, weight, bias, *geometry)
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
    if padding == "valid":
        padding = 0
    elif padding == "same":
        if _pair(stride) != (1, 1):
            raise ValueError("padding 'same' needs stride 1")
        reach = [d * (k - 1) for d, k in zip(_pair(dilation), weight.shape[2:], strict=True)]
        padding = [total // 2 for total in reach]
        if any(total % 2 for total in reach):
            # An odd total has one row or column more at the far side.
            input = F.pad(input, (0, reach[1] % 2, 0, reach[0] % 2))
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
    F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    # PyTorch accepts them. It takes more forms of integers than an operator of ours does, such as
    # stride=(2,) or NumPy's.
    if not isinstance(padding, str):
        plain = _plain(stride, padding, dilation, groups)
        if plain != (stride, padding, dilation, groups):
            return conv2d(input, weight, bias, *plain)
    raise refusal


def _plain(stride: Any, padding: Any, dilation: Any, groups: Any) -> tuple[Any, ...]:
    return _pair(stride), _pair(padding), _pair(dilation), operator.index(groups)


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, tuple | list):
        values = tuple(operator.index(v) for v in value)
        return values * 2 if len(values) == 1 else values
    return (operator.index(value),) * 2
