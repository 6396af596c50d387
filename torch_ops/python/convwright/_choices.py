# SPDX-License-Identifier: Apache-2.0
"""What tuning chose, as Python asks for it and changes it for this process.

The operators look up choices by themselves. How two convolutions in a row are computed is decided
in Python and kept with a call's plan, so that a change has to go through here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Reasons of rows of `explain`; the first is also the operators' own.
FASTER = "it was faster when the problem was tuned"
FASTER_STEP = FASTER + ", backward included"

# Behind the schedule of what was chosen, here or in a table of the library; the operators write it.
MARKS = (" (tuned)", " (shipped)")

# The phase of choices for all passes of a problem together.
WHOLE_PROBLEM = -1

# Part of the key of every plan that was made by choices.
generation = 0


def choose(problem: str, candidate: str, artifact: str = "", phase: int = 0) -> None:
    """Take `candidate` for this phase of the problem in this process, whatever was tuned.

    "" returns to what was tuned. `artifact` is the SHA-256 of a kernel that was made, of one for
    GPUs those of both its files. A kernel is taken on its kind of device, an algorithm on all.
    Raises RuntimeError, and changes nothing, for what is no candidate of the problem.
    """
    global generation
    torch.ops.convwright.choose(problem, phase, candidate, artifact)
    generation += 1


def reload() -> None:
    """Read again what was tuned."""
    global generation
    torch.ops.convwright.reload_choices()
    generation += 1


@contextmanager
def untuned() -> Iterator[None]:
    """Inside the block nothing is looked up: calls run as they would without any tuning.

    A call keeps its kind for its backward. Holds for the whole process, on CPUs and GPUs; not
    nestable.
    """
    use(False)
    try:
        yield
    finally:
        use(True)


def use(use: bool) -> None:
    """Whether calls from now on look up what was tuned. Holds for the whole process."""
    global generation
    torch.ops.convwright.use_choices(use)
    generation += 1
