# SPDX-License-Identifier: Apache-2.0
"""The operators, ready to call, and what Python adds to them: fake kernels, autograd and vmap.

`RAW` calls them through the whole dispatcher: right under torch.compile, torch.export, vmap and
autograd. `fprop_eager` and `BELOW_AUTOGRAD` pass by the Autograd key, whose Python kernel costs
more host time than a small convolution; only for code that takes care of gradients itself.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor
from torch._prims_common import suggest_memory_format

from convwright import _formulas, _library, _vmap
from convwright._formulas import Ops

# Context manager: inside it the dispatcher passes by the Autograd keys.
below_autograd = torch._C._AutoDispatchBelowAutograd
_dispatch_modes = torch._C._len_torch_dispatch_stack
_float32 = torch.float32


def _fake_fprop(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    output = torch.ops.aten.convolution.default(
        input, weight, bias, stride, padding, dilation, False, [0, 0], groups
    )
    return torch.empty_like(output, memory_format=_activation_format(input, weight))


def _fake_fprop_eager(input: Tensor, weight: Tensor, bias: Tensor | None, *numbers: int) -> Tensor:
    *geometry, groups = numbers
    return _fake_fprop(input, weight, bias, *(geometry[i : i + 2] for i in (0, 2, 4)), groups)


def _fake_dgrad(grad_output: Tensor, input: Tensor, weight: Tensor, *_: Any) -> Tensor:
    # One expanded element stands for sizes, and has no format.
    several = [stride for size, stride in zip(input.shape, input.stride(), strict=True) if size > 1]
    formatted = input if any(several) or not several else grad_output
    return torch.empty_like(input, memory_format=_activation_format(formatted, weight))


def _fake_wgrad(grad_output: Tensor, input: Tensor, weight: Tensor, *_: Any) -> Tensor:
    # preserve_format keeps the strides of a dense weight, which is where .grad will go.
    return torch.empty_like(weight, memory_format=torch.preserve_format)


def _activation_format(input: Tensor, weight: Tensor) -> torch.memory_format:
    """channels_last where either tensor is: the rule of aten::convolution."""
    formats = suggest_memory_format(input), suggest_memory_format(weight)
    return torch.channels_last if torch.channels_last in formats else torch.contiguous_format


def _save_fprop(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    input, weight, _, *ctx.geometry = inputs
    ctx.save_for_backward(input, weight)


def _save_gradient(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    grad_output, input, weight, *ctx.geometry = inputs
    ctx.save_for_backward(grad_output, input, weight)


def _register(ops: Ops) -> None:
    if torch._C._dispatch_has_kernel_for_dispatch_key("convwright::conv2d_fprop", "Autograd"):
        return  # a second copy of this module, say after importlib.reload
    rules = {
        "conv2d_fprop": (_fake_fprop, _save_fprop, _formulas.fprop_backward, _vmap.fprop_vmap),
        "conv2d_dgrad": (_fake_dgrad, _save_gradient, _formulas.dgrad_backward, _vmap.dgrad_vmap),
        "conv2d_wgrad": (_fake_wgrad, _save_gradient, _formulas.wgrad_backward, _vmap.wgrad_vmap),
    }
    torch.library.register_fake("convwright::conv2d_fprop.eager", _fake_fprop_eager)
    for name, (fake, save, backward, vmap) in rules.items():
        op = f"convwright::{name}"
        torch.library.register_fake(op, fake)
        torch.library.register_autograd(op, partial(backward, ops), setup_context=save)
        torch.library.register_vmap(op, partial(vmap, ops))


def _missing(cause: str, *_: Any) -> Any:
    raise _library.LibraryMissing(cause)


def _below_autograd(op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(*args: Any) -> Tensor:
        with below_autograd():
            return op(*args)

    return call


def fprop_eager(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    """fprop without an Autograd kernel. Geometry is one number or two, as of torch's conv2d.

    Numbers instead of lists save 0.5 us of the dispatcher's time, no Autograd kernel 0.6 us.
    Dispatch modes see the one operator that has rules for everything; so do other dtypes, for which
    the overload has no way to PyTorch.
    """
    if _dispatch_modes() or input.dtype is not _float32:
        with below_autograd():
            return RAW.fprop(input, weight, bias, stride, padding, dilation, groups)
    stride_h, stride_w = stride if type(stride) is tuple else _pair(stride)
    pad_h, pad_w = padding if type(padding) is tuple else _pair(padding)
    dilation_h, dilation_w = dilation if type(dilation) is tuple else _pair(dilation)
    return _FPROP_EAGER(
        input, weight, bias, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups
    )


def fprop_relu_eager(input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
    """max(0, fprop), without an Autograd kernel. Geometry as of `fprop_eager`."""
    if _dispatch_modes():
        return fprop_eager(input, weight, bias, *geometry).relu_()
    return _FPROP_RELU(input, weight, bias, *geometry)


def chain_fprop(
    input: Tensor,
    first: Tensor,
    second: Tensor,
    bias: Tensor | None,
    first_geometry: tuple[Any, ...],
    second_geometry: tuple[Any, ...],
) -> tuple[Tensor, Tensor]:
    """(output, z) of two convolutions in a row, without an Autograd kernel; z lies between them."""
    if _dispatch_modes():  # they see operators that have rules for everything
        z = fprop_eager(input, first, None, *first_geometry)
        return fprop_eager(z, second, bias, *second_geometry), z
    geometries = _flat(first_geometry), _flat(second_geometry)
    with below_autograd():
        return torch.ops.convwright.chain_fprop(input, first, second, bias, *geometries)


def chain_backward(
    grad_output: Tensor,
    input: Tensor,
    z: Tensor,
    first: Tensor,
    second: Tensor,
    first_geometry: tuple[Any, ...],
    second_geometry: tuple[Any, ...],
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of input, first and second, without an Autograd kernel."""
    geometries = _flat(first_geometry), _flat(second_geometry)
    with below_autograd():
        return torch.ops.convwright.chain_backward(
            grad_output, input, z, first, second, *geometries
        )


def weighted_sum_dgrad(
    grad_output: Tensor,
    input: Tensor,
    z: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    geometry: tuple[Any, ...],
    grad_z: bool,
) -> tuple[Tensor, Tensor]:
    """The gradients of input and, with grad_z, of z, without an Autograd kernel."""
    with below_autograd():
        return torch.ops.convwright.weighted_sum_dgrad(
            grad_output, input, z, pointwise, depthwise, *geometry[:3], grad_z
        )


@lru_cache(maxsize=256)
def _flat(geometry: tuple[Any, ...]) -> list[int]:
    stride, padding, dilation, groups = geometry
    return [*stride, *padding, *dilation, groups]


def _pair(value: Any) -> Any:
    return value if isinstance(value, list) else (value, value)


def _connect() -> tuple[Ops, Callable[..., Tensor], Callable[..., Tensor]]:
    try:
        _library.load()
    except _library.LibraryMissing as error:
        # Kept for the first use: importing a package must not depend on a build.
        missing = partial(_missing, str(error))
        return Ops(*[missing] * 3), missing, missing
    namespace = torch.ops.convwright
    ops = Ops(
        namespace.conv2d_fprop.default,
        namespace.conv2d_dgrad.default,
        namespace.conv2d_wgrad.default,
    )
    _register(ops)
    return ops, namespace.conv2d_fprop.eager, namespace.conv2d_relu.default


RAW, _FPROP_EAGER, _FPROP_RELU = _connect()
BELOW_AUTOGRAD = Ops(*map(_below_autograd, RAW))
