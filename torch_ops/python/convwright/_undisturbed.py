# SPDX-License-Identifier: Apache-2.0
"""Running a model once to look at it, and leaving it as it was."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves


@contextmanager
def undisturbed(module_or_fn: Callable[..., Any], inputs: tuple[Any, ...]) -> Iterator[None]:
    """At the end buffers (running statistics) and the random states of the CPU and of the tensors'
    GPUs are as they were; other effects of the calls inside happen."""
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=gpus_of(module_or_fn, inputs)))
        if isinstance(module_or_fn, torch.nn.Module):
            stack.enter_context(_buffers_kept(module_or_fn))
        yield


def gpus_of(module_or_fn: Callable[..., Any], inputs: tuple[Any, ...]) -> list[int]:
    """The indices of the CUDA devices that hold an input or a parameter."""
    tensors = [t for t in tree_leaves(inputs) if isinstance(t, Tensor)]
    if isinstance(module_or_fn, torch.nn.Module):
        tensors += module_or_fn.parameters()
    return sorted({t.get_device() for t in tensors if t.is_cuda})


@contextmanager
def _buffers_kept(module: torch.nn.Module) -> Iterator[None]:
    # By their names, which a model may give to new tensors: self.ema = 0.9 * self.ema + x.mean().
    saved = [
        (owner, name, buffer, None if buffer is None else buffer.detach().clone())
        for owner in module.modules()
        for name, buffer in owner._buffers.items()
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for owner, name, buffer, value in saved:
                if buffer is not None:
                    buffer.copy_(value)
                owner._buffers[name] = buffer
