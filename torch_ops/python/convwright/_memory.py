# SPDX-License-Identifier: Apache-2.0
"""How malloc treats memory while something is timed."""

import ctypes


def keep_freed_memory() -> None:
    """Let malloc reuse what it frees, whatever the size, instead of returning it to the system.

    Else every result above 32 MB, and many below, is made of fresh pages, whose faults (0.25 us for
    4 KB) take longer than the kernels and the same for all sides. glibc only; elsewhere no effect.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        m_trim_threshold, m_mmap_threshold = -1, -3  # <malloc.h>
        mallopt(m_mmap_threshold, 1 << 30)
        mallopt(m_trim_threshold, (1 << 31) - 1)
