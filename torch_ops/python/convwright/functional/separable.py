# SPDX-License-Identifier: Apache-2.0
"""`weighted_sum_conv2d` and `depthwise_separable_conv2d`: two convolutions in a row as one."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_variadic

from convwright import _choices, _eligibility, _first_calls, _kinds, _trace
from convwright._arguments import IntOrPair, pad_far_side, pair
from convwright._eligibility import PLAIN_TYPES, special
from convwright._functions import transform_active
from convwright._fused import fused_fprop
from convwright._separable_choice import by_rule, settled_plan
from convwright._separable_functions import composition, forward_pass, separable_eager
from convwright._separable_plan import (
    DEPTHWISE_SEPARABLE,
    WEIGHTED_SUM,
    Form,
    Plan,
    make_plan,
)
from convwright._separable_trace import note_plan
from convwright.functional.convolution import conv2d

_float32 = torch.float32
_KERNEL_DTYPES = (torch.float32, torch.bfloat16)


def weighted_sum_conv2d(
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
) -> Tensor:
    """A 1x1 convolution without bias, then a depthwise convolution of its result.

    z[n,co,y,x] = sum_ci pointwise[co,ci] * input[n,ci,y,x], and the output is the cross-correlation
    of each z[n,co] with depthwise[co], plus bias[co]; zero padding is applied to z.

    input [N, Ci, H, W] or [Ci, H, W], pointwise [Co, Ci] or [Co, Ci, 1, 1], depthwise
    [Co, 1, Kh, Kw] or [Co, Kh, Kw], bias [Co]; returns [N, Co, Ho, Wo] or [Co, Ho, Wo]. Stride,
    padding, dilation, Ho and Wo as of conv2d. The result is channels_last where input or a weight
    is; gradients have the strides of the parameters.

    Convwright chooses how (`convwright.force_kind` lists the kinds). It
    computes float32 and, on the CPU and but for the pointwise step of `unfused`, bfloat16; PyTorch
    computes everything else, and `convwright.explain` says why. Under autocast the tensors are cast
    first. Bad arguments raise RuntimeError or TypeError in the manner of PyTorch's
    conv2d before anything runs, a missing operator library `LibraryMissing`.
    """
    if has_torch_function_variadic(input, pointwise, depthwise, bias):
        return handle_torch_function(
            weighted_sum_conv2d,
            (input, pointwise, depthwise, bias),
            input,
            pointwise,
            depthwise,
            bias,
            stride,
            padding,
            dilation,
        )
    return _separable(WEIGHTED_SUM, input, pointwise, depthwise, bias, stride, padding, dilation)


def depthwise_separable_conv2d(
    input: Tensor,
    depthwise: Tensor,
    pointwise: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
) -> Tensor:
    """A depthwise convolution without bias, then a 1x1 convolution of its result.

    z[n,ci] is the cross-correlation of input[n,ci] with depthwise[ci], with zero padding, and the
    output is sum_ci pointwise[co,ci] * z[n,ci] + bias[co].

    input [N, Ci, H, W] or [Ci, H, W], depthwise [Ci, 1, Kh, Kw] or [Ci, Kh, Kw], pointwise
    [Co, Ci] or [Co, Ci, 1, 1], bias [Co]; returns [N, Co, Ho, Wo] or [Co, Ho, Wo]. Everything else
    as of `weighted_sum_conv2d`.
    """
    if has_torch_function_variadic(input, depthwise, pointwise, bias):
        return handle_torch_function(
            depthwise_separable_conv2d,
            (input, depthwise, pointwise, bias),
            input,
            depthwise,
            pointwise,
            bias,
            stride,
            padding,
            dilation,
        )
    return _separable(
        DEPTHWISE_SEPARABLE, input, pointwise, depthwise, bias, stride, padding, dilation
    )


def _separable(
    form: Form,
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    bias: Tensor | None,
    *geometry: Any,
) -> Tensor:
    try:
        if (
            type(input) in PLAIN_TYPES
            and type(pointwise) in PLAIN_TYPES
            and type(depthwise) in PLAIN_TYPES
            and input.dtype is pointwise.dtype is depthwise.dtype is _float32
            and (
                (input.is_cpu and pointwise.is_cpu and depthwise.is_cpu)
                or (input.is_cuda and pointwise.is_cuda and depthwise.is_cuda)
            )
            and not special()
        ):
            return _eager(form, input, pointwise, depthwise, bias, *geometry)
    except (AttributeError, RuntimeError, TypeError, ValueError):
        pass  # the way below repeats the call with care and says what is wrong
    return _thorough(form, input, pointwise, depthwise, bias, *geometry)


def _eager(
    form: Form,
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    bias: Tensor | None,
    *geometry: Any,
) -> Tensor:
    """The common case; the operators themselves refuse what they have no kernel for."""
    if _first_calls.pending:
        _first_calls.tune(_separable, form, input, pointwise, depthwise, bias, *geometry)
    with_grad = _needs_grad(input, pointwise, depthwise, bias)
    plan = settled_plan(
        form,
        input.shape,
        pointwise.shape,
        depthwise.shape,
        None if bias is None else bias.shape,
        *geometry,
        (input.stride(), pointwise.stride(), depthwise.stride()),
        input.dtype,
        input.get_device(),
        with_grad,
        _kinds.forced,
        _choices.generation,
    )
    compute = _eager_step if with_grad else _eager_forward
    return _run(plan, compute, input, pointwise, depthwise, bias)


def _run(plan: Plan, compute: Any, input: Tensor, *operands: Tensor | None) -> Tensor:
    """compute(plan, input, pointwise, depthwise, bias) for every form of input."""
    input = pad_far_side(input, plan.far_side)
    if input.dim() == 3:
        return compute(plan, input.unsqueeze(0), *operands).squeeze(0)
    return compute(plan, input, *operands)


def _eager_step(
    plan: Plan, input: Tensor, pointwise: Tensor, depthwise: Tensor, bias: Tensor | None
) -> Tensor:
    """Forward, and what its backward needs."""
    if _trace.active:
        note_plan(plan, input, pointwise, depthwise, bias, with_grad=True)
    if plan.kind == "pytorch":
        return _composed_of_torchs(plan, input, pointwise, depthwise, bias)
    return separable_eager(input, pointwise, depthwise, bias, plan)


def _eager_forward(
    plan: Plan, input: Tensor, pointwise: Tensor, depthwise: Tensor, bias: Tensor | None
) -> Tensor:
    if _trace.active:
        note_plan(plan, input, pointwise, depthwise, bias, with_grad=False)
    if plan.kind == "pytorch":
        return _composed_of_torchs(plan, input, pointwise, depthwise, bias)
    return forward_pass(plan, input, pointwise, depthwise, bias)[0]


def _needs_grad(input: Tensor, pointwise: Tensor, depthwise: Tensor, bias: Tensor | None) -> bool:
    return torch.is_grad_enabled() and (
        pointwise.requires_grad
        or depthwise.requires_grad
        or input.requires_grad
        or (bias is not None and bias.requires_grad)
    )


def _composed_of_ours(
    plan: Plan, input: Tensor, pointwise: Tensor, depthwise: Tensor, bias: Tensor | None
) -> Tensor:
    """For compilers, transforms and dtypes that have kernels for some steps only."""
    compiling = torch.compiler.is_compiling()
    if compiling and _kinds.forced == "auto" and not input.is_cuda:
        channels_last = input.is_contiguous(memory_format=torch.channels_last)
        plan = by_rule(plan, input.shape[3], channels_last, torch.is_grad_enabled())
    if plan.kind == "fused":
        if compiling and not transform_active():
            return fused_fprop(plan, input, pointwise, depthwise, bias)
        plan = plan._replace(kind="unfused")  # whose steps have every derivative
    if _trace.active and not compiling:
        with_grad = _needs_grad(input, pointwise, depthwise, bias)
        note_plan(plan, input, pointwise, depthwise, bias, with_grad)
    return composition(plan, conv2d, input, pointwise, depthwise, bias)


def _composed_of_torchs(
    plan: Plan, input: Tensor, pointwise: Tensor, depthwise: Tensor, bias: Tensor | None
) -> Tensor:
    return composition(plan._replace(kind="unfused"), F.conv2d, input, pointwise, depthwise, bias)


def _thorough(
    form: Form,
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    bias: Tensor | None,
    *geometry: Any,
) -> Tensor:
    """Everything else: compilers, transforms, other dtypes and forms of arguments, errors."""
    named = {"input": input, "pointwise": pointwise, "depthwise": depthwise}
    if bias is not None:
        named["bias"] = bias
    _check_tensors(form, named)
    kind = _eligibility.device_type(input)
    if (input.is_cpu or input.is_cuda) and torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        operands = [_eligibility.cast(t, dtype) for t in (input, pointwise, depthwise, bias)]
        with torch.autocast(kind, enabled=False):
            return _thorough(form, *operands, *geometry)
    _check_match(named)
    sizes = [_sizes(tensor) for tensor in (input, pointwise, depthwise, bias)]
    plan = make_plan(form, *sizes, *geometry, _kinds.forced)
    weights = pointwise, depthwise
    # Of the two steps the depthwise one decides: kernels for it alone are worth the call.
    reason = _eligibility.why_pytorch(named.values(), weights, groups=2)
    if reason is None and input.is_cuda and input.dtype is not torch.float32:
        reason = f"dtype is {input.dtype}, whose CUDA kernels are of single convolutions"
    if reason is not None:
        if _trace.active and not torch.compiler.is_compiling():
            _trace.note_pytorch(f"{form.op}:fprop", reason, input, *weights)
        return _run(plan, _composed_of_torchs, input, *weights, bias)
    plain = all(type(tensor) in PLAIN_TYPES for tensor in named.values())
    if plain and input.dtype in _KERNEL_DTYPES and not special():
        # Of every form that is accepted make the one that a plan is found by.
        geometry = tuple(g if isinstance(g, str) else pair(g) for g in geometry)
        return _eager(form, input, *weights, bias, *geometry)
    return _run(plan, _composed_of_ours, input, *weights, bias)


def _sizes(tensor: Tensor | None) -> Any:
    if tensor is None:
        return None
    tracing = torch._C._get_tracing_state()
    if tracing is None:
        return tensor.shape
    # torch.jit.trace makes tensors of sizes and warns where Python decides by them.
    torch._C._set_tracing_state(None)
    try:
        return tensor.shape
    finally:
        torch._C._set_tracing_state(tracing)


def _check_tensors(form: Form, named: dict[str, Any]) -> None:
    for name, value in named.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{form.name}(): argument '{name}' must be Tensor, not {type(value).__name__}"
            )


def _check_match(named: dict[str, Tensor]) -> None:
    """Raises RuntimeError where the tensors differ in dtype or device."""
    input = named["input"]
    for name, tensor in named.items():
        if tensor.dtype != input.dtype:
            raise RuntimeError(
                f"Input type ({input.dtype}) and {name} type ({tensor.dtype}) should be the same"
            )
        if tensor.device != input.device:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but got "
                f"input on {input.device} and {name} on {tensor.device}"
            )
