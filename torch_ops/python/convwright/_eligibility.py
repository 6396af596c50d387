# SPDX-License-Identifier: Apache-2.0
"""Who computes a call: Convwright's operators or PyTorch, and by which way."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.functional_tensor import FunctionalTensor

from convwright._functions import transform_active

PLAIN_TYPES = frozenset({Tensor, torch.nn.Parameter})

_autocast = torch.is_autocast_enabled
_jit_tracing_state = torch._C._get_tracing_state


def kernels_exist(dtype: torch.dtype, groups: Any) -> bool:
    """Whether Convwright has kernels for convolutions of this dtype with this many groups."""
    return dtype is torch.float32 or (dtype is torch.bfloat16 and groups != 1)


def special() -> bool:
    """Whether more than eager mode is at work: a compiler, a transform, autocast, a tracer."""
    return (
        torch.compiler.is_compiling()
        or transform_active()
        or _autocast("cpu")
        or _jit_tracing_state() is not None
    )


def why_pytorch(tensors: Iterable[Tensor], weights: Iterable[Tensor], groups: Any) -> str | None:
    """None where Convwright takes a call on these tensors, weights among them, else why PyTorch."""
    for tensor in tensors:
        if type(tensor) not in PLAIN_TYPES and not _behaves_as_plain(tensor):
            return f"{type(tensor).__name__} is not a plain tensor"
        if not kernels_exist(tensor.dtype, groups):
            return f"dtype is {tensor.dtype}, {_kernel_dtypes(tensor.dtype)}"
        if not tensor.is_cpu:
            return f"device is {tensor.device}, kernels are for the CPU"
        if tensor.layout is not torch.strided:
            return f"layout is {tensor.layout}, kernels are strided"
    if _autocast("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        return f"autocast to {dtype}, {_kernel_dtypes(dtype)}"
    if _jit_tracing_state() is not None:
        return "torch.jit traces: its graphs are for places without Convwright"
    if any(weight.numel() == 0 for weight in weights):
        return "weight is empty"
    return None


def _kernel_dtypes(dtype: torch.dtype) -> str:
    """What there is instead of a kernel of `dtype`: some have kernels for grouped ones alone."""
    return "dense kernels are float32" if kernels_exist(dtype, 2) else "kernels are float32"


def autocast_dtype(groups: Any) -> torch.dtype | None:
    """The dtype to cast a call's tensors to, where autocast asks for one that has kernels."""
    if not _autocast("cpu"):
        return None
    dtype = torch.get_autocast_dtype("cpu")
    return dtype if kernels_exist(dtype, groups) else None


def cast(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """tensor as autocast on the CPU casts it: float64 and what is not floating stays."""
    if tensor is None or tensor.dtype == torch.float64 or not tensor.is_floating_point():
        return tensor
    return tensor.to(dtype)


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
