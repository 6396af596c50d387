# SPDX-License-Identifier: Apache-2.0
"""Who computes a call: Convwright's operators or PyTorch, and by which way."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.functional_tensor import FunctionalTensor

from convwright import _library
from convwright._functions import transform_active

PLAIN_TYPES = frozenset({Tensor, torch.nn.Parameter})

_autocast = torch.is_autocast_enabled
_jit_tracing_state = torch._C._get_tracing_state


def _stood_in_for() -> frozenset[torch.dtype]:
    """The short dtypes for which oneDNN has no kernels on this CPU.

    PyTorch's stand-in takes 6 to 15 times as long as a float32 convolution (AVX2, one thread).
    """
    if _library.loaded() is None or torch.ops.convwright.isa() == "none":
        return frozenset()
    supported = {
        torch.bfloat16: torch.ops.mkldnn._is_mkldnn_bf16_supported(),
        torch.float16: torch.ops.mkldnn._is_mkldnn_fp16_supported(),
    }
    return frozenset(dtype for dtype, by_onednn in supported.items() if not by_onednn)


_SHORT = (torch.bfloat16, torch.float16)

# Those that float32 kernels compute, of operands that are converted.
CONVERTED = _stood_in_for()


def converted(tensors: Sequence[Any], weights: Iterable[Tensor], groups: Any) -> bool:
    """Whether float32 kernels compute a call on these tensors, which have a shorter dtype."""
    dtype = getattr(tensors[0], "dtype", None)
    if dtype not in CONVERTED or kernels_exist(dtype, groups):
        return False
    if any(type(t) not in PLAIN_TYPES and not _behaves_as_plain(t) for t in tensors):
        return False
    strided = all(t.is_cpu and t.layout is torch.strided and t.dtype is dtype for t in tensors)
    return strided and _jit_tracing_state() is None and all(w.numel() > 0 for w in weights)


def kernels_exist(dtype: torch.dtype, groups: Any, kind: str = "cpu") -> bool:
    """Whether Convwright has kernels for convolutions of this dtype with this many groups.

    kind is "cpu" or "cuda".
    """
    if dtype is torch.float32:
        return True
    if kind == "cuda":
        return dtype in _SHORT
    return dtype is torch.bfloat16 and groups != 1


def _out_of_place(input: Any, dtype: torch.dtype) -> bool:
    """Whether kernels exist but not for the memory format: short floats are channels_last on GPUs.

    Of a contiguous tensor whose format is ambiguous PyTorch computes.
    """
    if dtype not in _SHORT or device_type(input) == "cpu":
        return False
    return input.dim() != 4 or input.stride(1) != 1 or input.is_contiguous()


def device_type(tensor: Any) -> str:
    """Whose kernels and whose autocast matter: "cuda", or "cpu" for everything else."""
    return "cuda" if getattr(tensor, "is_cuda", False) else "cpu"


def special() -> bool:
    """Whether more than eager mode is at work: a compiler, a transform, autocast, a tracer."""
    return (
        torch.compiler.is_compiling()
        or transform_active()
        or _autocast("cpu")
        or _autocast("cuda")
        or _jit_tracing_state() is not None
    )


def why_pytorch(tensors: Iterable[Tensor], weights: Iterable[Tensor], groups: Any) -> str | None:
    """None where Convwright takes a call on these tensors, else why PyTorch.

    The input comes first; weights are among them.
    """
    kind, device, input = "cpu", None, None
    for tensor in tensors:
        input = tensor if input is None else input
        if type(tensor) not in PLAIN_TYPES and not _behaves_as_plain(tensor):
            return f"{type(tensor).__name__} is not a plain tensor"
        kind = device_type(tensor)
        if not kernels_exist(tensor.dtype, groups, kind):
            return f"dtype is {tensor.dtype}, {_kernel_dtypes(tensor.dtype, kind)}"
        if not tensor.is_cpu and not tensor.is_cuda:
            return f"device is {tensor.device}, kernels are for the CPU and for CUDA"
        if tensor.is_cuda and torch.version.hip is not None:
            return "this PyTorch is built for ROCm, kernels are for the CPU and for CUDA"
        if device is not None and tensor.device != device:
            return f"devices are {device} and {tensor.device}"
        device = tensor.device
        if tensor.layout is not torch.strided:
            return f"layout is {tensor.layout}, kernels are strided"
    if _out_of_place(input, input.dtype):
        return f"dtype is {input.dtype}, {_kernel_dtypes(input.dtype, kind)}"
    if _autocast(kind):
        dtype = torch.get_autocast_dtype(kind)
        return f"autocast to {dtype}, {_kernel_dtypes(dtype, kind)}"
    if _jit_tracing_state() is not None:
        return "torch.jit traces: its graphs are for places without Convwright"
    if any(weight.numel() == 0 for weight in weights):
        return "weight is empty"
    return None


def _kernel_dtypes(dtype: torch.dtype, kind: str) -> str:
    """What there is instead of a kernel of `dtype`: some have kernels for grouped ones alone."""
    if kind == "cpu" and kernels_exist(dtype, 2):
        return "dense kernels are float32"
    if kind == "cpu":
        return "kernels are float32"
    if dtype in _SHORT:
        return "whose CUDA kernels are channels_last"
    return "CUDA kernels are float32, bfloat16 and float16"


def autocast_dtype(input: Any, groups: Any) -> torch.dtype | None:
    """The dtype to cast a call's tensors to, where autocast asks for one that has kernels."""
    kind = device_type(input)
    if not _autocast(kind):
        return None
    dtype = torch.get_autocast_dtype(kind)
    if kernels_exist(dtype, groups, kind):
        return None if _out_of_place(input, dtype) else dtype
    if kind == "cpu" and dtype in CONVERTED:
        return dtype
    return None


def cast(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """tensor as autocast casts it: float64 and what is not floating stays."""
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
