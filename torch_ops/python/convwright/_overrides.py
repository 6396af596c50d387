# SPDX-License-Identifier: Apache-2.0
"""Calls with tensors, or under a mode, that may want to handle a function themselves."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import handle_torch_function

from convwright import _trace
from convwright._eligibility import PLAIN_TYPES


def overridden(ours: Callable[..., Any], torchs: Callable[..., Any], *args: Any) -> Any:
    """ours(*args) as subclasses and function modes see it, whose first three are the tensors.

    Where one refuses our function, it gets PyTorch's, which it may know by name: it is called with
    the same arguments, and raises for bad ones.
    """
    try:
        return handle_torch_function(ours, args[:3], *args)
    except (RuntimeError, TypeError):
        result = torchs(*args)
    tensors = [t for t in args[:3] if isinstance(t, Tensor)]
    kinds = sorted({type(t).__name__ for t in tensors if type(t) not in PLAIN_TYPES})
    reason = f"{' and '.join(kinds) or 'a function mode'} refuses functions that are not PyTorch's"
    _trace.note_unless_compiling("fprop", reason, *tensors[:2])
    return result
