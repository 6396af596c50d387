# SPDX-License-Identifier: Apache-2.0
"""The recorder behind `explain`: which kernel served each call, or why PyTorch did."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from convwright import _library

# Read by the fall-backs to PyTorch, which take a note only while it is True.
active = False


@dataclass(frozen=True)
class Row:
    """One convolution that ran. Where PyTorch computed it, `kernel` is "PyTorch"."""

    layer: str  # qualified name of the module, "" where none is known
    problem: str  # problem string; the operands' sizes where Python chose PyTorch
    kernel: str
    schedule: str
    isa: str
    reason: str = ""  # why PyTorch, else ""

    @property
    def direction(self) -> str:
        """fprop, dgrad or wgrad."""
        return self.problem.partition("_")[0]


@contextmanager
def recording() -> Iterator[None]:
    """Record every convolution of the process until the block ends. Not nestable."""
    global active
    _library.load()
    torch.ops.convwright.trace(True)
    active = True
    try:
        yield
    finally:
        active = False
        torch.ops.convwright.trace(False)


def take(layer: str = "") -> list[Row]:
    """The rows recorded since the last call, as those of `layer`."""
    return [_parse(line, layer) for line in torch.ops.convwright.take_trace().splitlines()]


def note_pytorch(direction: str, input: Tensor, weight: Tensor, reason: str) -> None:
    """Record that PyTorch computes this call, in the form of the operators' own lines."""
    problem = f"{direction}_{tuple(input.shape)}*{tuple(weight.shape)}"
    torch.ops.convwright.trace_note(f"{problem}\tPyTorch\t{reason}")


def _parse(line: str, layer: str) -> Row:
    problem, kernel, *how = line.split("\t")
    if kernel == "PyTorch":
        return Row(layer, problem, kernel, "", "", reason=how[0])
    schedule, isa = how
    return Row(layer, problem, kernel, schedule, isa)
