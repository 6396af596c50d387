# SPDX-License-Identifier: Apache-2.0
"""How malloc treats memory while something is timed."""

import ctypes
import resource
from collections.abc import Callable
from typing import TypeVar

import torch

Sample = TypeVar("Sample")

# Pages that an interpreter fetches now and then; a result of 64 KB has more.
_FEW_FAULTS, _TRIES = 8, 5
_ENOUGH = (
    256 << 20
)  # bytes: what the layers and networks of the benchmarks have at a time, and more


def keep_freed_memory(touched: int = _ENOUGH) -> None:
    """Let malloc reuse what it frees, whatever the size, and have `touched` bytes of it at once.

    Else results are made of fresh pages again and again, whose faults (0.25 us for 4 KB, 2 us on a
    virtual machine) take longer than many kernels: 8 MB cost 4.5 ms there and a 1x1 convolution of
    16 channels that fills them 1.4. Not returning memory is not enough: aligned blocks seldom fit
    where one of their size was freed, and the heap grows on. `on_present_memory` does the rest.
    Less than 1 GB. glibc only; elsewhere no effect.
    """
    libc = ctypes.CDLL(None)
    mallopt = getattr(libc, "mallopt", None)
    if mallopt is None:
        return
    m_trim_threshold, m_mmap_threshold = -1, -3  # <malloc.h>
    mallopt(m_mmap_threshold, 1 << 30)
    mallopt(m_trim_threshold, (1 << 31) - 1)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    block = libc.malloc(touched)
    if block:
        ctypes.memset(block, 1, touched)
        libc.free(block)


def on_present_memory(sample: Callable[[], Sample]) -> Sample:
    """What `sample` returns, taken again where the system had to give pages meanwhile.

    At most five times: a step of a network may never do without.
    """
    for _ in range(_TRIES):
        before = _faults()
        result = sample()
        if _faults() - before <= _FEW_FAULTS:
            break
    return result


def cache_flush(flushed: int, device: str = "cpu") -> Callable[[], None]:
    """Writes so many bytes, by PyTorch's threads or a GPU: other data leaves caches of half that
    size."""
    junk = torch.zeros(max(flushed // 4, 1), device=device)

    def flush() -> None:
        junk.add_(1)

    return flush


def _faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
