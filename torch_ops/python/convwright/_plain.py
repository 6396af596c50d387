# SPDX-License-Identifier: Apache-2.0
"""The plain case of a convolution: eager mode, float32, and nothing else at work.

What computes it takes (input, weight, bias, stride, padding, dilation, groups) and returns
NotImplemented where the case is another one, or where an operator refuses it: the caller repeats
the call with care, which says what is wrong.

It is the autograd library's (torch_ops/autograd) where the folder of the operator library holds one
for this very PyTorch and CPython, else `portable`. CONVWRIGHT_AUTOGRAD=python asks for the latter;
with another value importing this raises ValueError.
"""

import os
import sysconfig
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import has_torch_function_variadic

from convwright import _functions, _library
from convwright._eligibility import PLAIN_TYPES, special

_Convolution = Callable[..., Tensor]

_float32 = torch.float32
_dispatch_modes = torch._C._len_torch_dispatch_stack


def portable(eager: _Convolution) -> _Convolution:
    """The plain case of `eager`, which takes plain tensors and may raise for what it refuses."""

    def plain(input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any) -> Tensor:
        if has_torch_function_variadic(input, weight, bias) or not (
            type(input) in PLAIN_TYPES
            and type(weight) in PLAIN_TYPES
            and input.dtype is _float32
            and (input.is_cpu or input.is_cuda)
        ):
            return NotImplemented
        # A dispatch mode would see a call that the operator refuses, and a tracer keep it.
        if special() or _dispatch_modes():
            return NotImplemented
        try:
            return eager(input, weight, bias, *geometry)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            return NotImplemented

    return plain


def library_name() -> str:
    """File name of the autograd library for this PyTorch and CPython."""
    version = torch.__version__.partition("+")[0]
    return f"convwright_autograd.torch-{version}.{sysconfig.get_config_var('SOABI')}.so"


def _connect() -> tuple[Any, str]:
    """The autograd library's module or None, and its path or why there is none."""
    asked = os.environ.get("CONVWRIGHT_AUTOGRAD", "")
    if asked not in ("", "python"):
        raise ValueError(f"CONVWRIGHT_AUTOGRAD is {asked!r}; accepted are python, and nothing.")
    if asked == "python":
        return None, "python, as CONVWRIGHT_AUTOGRAD asks"
    beside = _library.loaded()
    if beside is None:
        return None, "python, without the operator library"
    path = beside.parent / library_name()
    if not path.is_file():
        return None, f"python, {beside.parent} has no {path.name}"
    try:
        module = _load(path)
    except ImportError as error:
        return None, f"python, {path} could not be loaded: {error}"
    module.use_backward(_functions.careful_backward)
    return module, f"c++, {path}"


def _load(path: Path) -> Any:
    loader = ExtensionFileLoader("convwright._autograd", str(path))
    spec = spec_from_loader(loader.name, loader)
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


library, implementation = _connect()
