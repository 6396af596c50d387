# SPDX-License-Identifier: Apache-2.0
"""Results that are timed are made of memory that is there."""

import mmap
import subprocess
import sys
import textwrap

import pytest

from convwright import _memory

_PROGRAM = """
    import resource, sys
    import torch
    from convwright import _memory

    def faults():
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    torch.set_num_threads(1)
    if sys.argv[1] == "keep":
        _memory.keep_freed_memory(64 << 20)
    torch.ones(100)
    before, kept = faults(), []
    for _ in range(6):
        torch.ones(1 << 20)  # 4 MB, 1024 pages of 4 KB
        kept.append(torch.ones(1000))
    print(faults() - before)
"""


def _faults(how: str) -> int:
    command = [sys.executable, "-c", textwrap.dedent(_PROGRAM), how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="malloc's settings are glibc's")
def test_no_page_is_fetched_while_something_is_timed():
    assert _faults("") > 1000
    assert _faults("keep") < 100


def _fetch_pages() -> None:
    with mmap.mmap(-1, 256 * mmap.PAGESIZE) as fresh:
        for page in range(256):
            fresh[page * mmap.PAGESIZE] = 1


def test_a_sample_that_fetched_pages_is_taken_again():
    taken = []

    def sample() -> int:
        if len(taken) < 2:
            _fetch_pages()
        taken.append(None)
        return len(taken)

    assert _memory.on_present_memory(sample) == 3

    def always() -> int:
        _fetch_pages()
        taken.append(None)
        return len(taken)

    assert _memory.on_present_memory(always) == 8  # five times, then it counts
