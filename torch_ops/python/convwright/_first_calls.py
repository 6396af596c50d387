# SPDX-License-Identifier: Apache-2.0
"""Tuning at the first call of a problem, where CONVWRIGHT_TUNE is "on".

Whoever is about to run kernels asks `pending` first, one look at a global where nothing is tuned.
"""

import threading
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from convwright import _library, _trace

# Of a search, for each problem that is not tuned yet: what the tuner gives one at least.
SECONDS_PER_PROBLEM = 8.0

# Whether `tune` has to be called; True until the mode is known. The operators read the variable,
# so that one place accepts and refuses its values.
pending = True

_seen: set[tuple[Any, ...]] = set()
_one_search = threading.Lock()


def tune(function: Callable[..., Tensor], *arguments: Any) -> None:
    """Before `function(*arguments)`: search what it and its backward have no choice for.

    A call is searched once in a process, whatever came of it, for the GPU or the CPU that its
    tensors are on; backward where a tensor requires a gradient. Calls inside a search or under
    `explain`, those that a CUDA graph captures, and calls of other threads meanwhile run as they
    are. Warns once where a search cannot be made, and searches no more. Raises RuntimeError for a
    value of CONVWRIGHT_TUNE that is none.
    """
    global pending
    pending = pending and _mode_is_on()
    if not pending or _trace.active or _is_capturing():
        return
    key = (function, torch.get_num_threads(), torch.is_grad_enabled(), *map(_key, arguments))
    if key in _seen or not _one_search.acquire(blocking=False):
        return
    try:
        _seen.add(key)
        _search(function, arguments)
    finally:
        _one_search.release()


def _mode_is_on() -> bool:
    _library.load()
    return "mode\ton" in torch.ops.convwright.tuned_status().splitlines()


def _is_capturing() -> bool:
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def _key(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        memory = argument.shape, argument.stride(), argument.dtype, argument.device
        return *memory, argument.requires_grad
    return tuple(map(_key, argument)) if isinstance(argument, (list, tuple)) else argument


def _search(function: Callable[..., Tensor], arguments: tuple[Any, ...]) -> None:
    global pending
    from convwright import tuning  # it needs the layers, and these need this module

    try:
        device = tuning.device_of(function, arguments)
    except ValueError:  # tensors of several GPUs, which the call refuses
        return
    problems = tuning.untuned_problems(function, *map(_alike, arguments), on_gpu=device != "cpu")
    if not problems:
        return
    budget = SECONDS_PER_PROBLEM * len(problems)
    try:
        tuning.tune_problems(problems, device=device, budget=budget)
    except (tuning.TunerMissing, ValueError, OSError) as error:  # no tuner, no place, no memory
        pending = False
        warnings.warn(f"CONVWRIGHT_TUNE is on, but nothing is tuned: {error}", stacklevel=2)


def _alike(argument: Any) -> Any:
    """A copy that is in nobody's graph: which approximate product runs depends on values."""
    if not isinstance(argument, Tensor):
        return argument
    return argument.detach().clone().requires_grad_(argument.requires_grad)
