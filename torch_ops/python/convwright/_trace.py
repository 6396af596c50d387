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
    isa: str  # instructions of the CPU, or architecture of the GPU, such as sm_90
    reason: str = ""  # why PyTorch, else ""

    @property
    def direction(self) -> str:
        """fprop, dgrad or wgrad."""
        return self.problem.partition("_")[0].rpartition(":")[2]


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


def note_pytorch(direction: str, reason: str, *operands: Tensor) -> None:
    """Record that PyTorch computes this call, in the form of the operators' own lines."""
    problem = f"{direction}_{'*'.join(str(tuple(t.shape)) for t in operands)}"
    torch.ops.convwright.trace_note(f"{problem}\tPyTorch\t{reason}")


def note_unless_compiling(direction: str, reason: str, *operands: Tensor) -> None:
    """`note_pytorch` while a recording runs, for calls that a compiler may be tracing."""
    if active and not torch.compiler.is_compiling():
        note_pytorch(direction, reason, *operands)


def note_converted(direction: str, *operands: Tensor) -> None:
    """While a recording runs, note that float32 kernels, whose lines follow, compute this call."""
    if active and not torch.compiler.is_compiling():
        problem = f"{direction}_{'*'.join(str(tuple(t.shape)) for t in operands)}"
        how = f"of {operands[0].dtype} operands, converted"
        note_kernel(problem, "float32", how, operands[0].device)


def note_kernel(problem: str, kernel: str, schedule: str, device: torch.device) -> None:
    """Record a call on `device` that is made of others, whose own lines follow."""
    if device.type == "cuda":
        isa = "sm_{}{}".format(*torch.cuda.get_device_capability(device))
    else:
        isa = torch.ops.convwright.isa()
    torch.ops.convwright.trace_note(f"{problem}\t{kernel}\t{schedule}\t{isa}")


def _parse(line: str, layer: str) -> Row:
    problem, kernel, *how = line.split("\t")
    if kernel == "PyTorch":
        return Row(layer, problem, kernel, "", "", reason=how[0])
    schedule, isa = how
    return Row(layer, problem, kernel, schedule, isa)
