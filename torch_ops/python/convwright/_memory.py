# SPDX-License-Identifier: Apache-2.0
"""How malloc treats memory while something is timed."""

import ctypes

_ENOUGH = 256 << 20  # bytes: what the layers and networks of the benchmarks have at a time, and more


def keep_freed_memory(touched: int = _ENOUGH) -> None:
    """Let malloc reuse what it frees, whatever the size, and have `touched` bytes of it from the start.

    Else results are made of fresh pages again and again, whose faults (0.25 us for 4 KB, 2 us on a
    virtual machine) take longer than many kernels: 8 MB cost 4.5 ms there and a 1x1 convolution of
    16 channels that fills them 1.4. Not returning memory is not enough: aligned blocks seldom fit
    where one of their size was freed, and the heap grows on. Less than 1 GB. glibc only; elsewhere
    no effect.
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
