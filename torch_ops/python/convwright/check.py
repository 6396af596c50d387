# SPDX-License-Identifier: Apache-2.0
"""Check kernels of one problem against PyTorch: the engine of `convwright check`.

Tensors hold small integers, so that every partial sum is exact in float32 whatever the order of
summation; the expected values come from PyTorch in float64, and the tolerance is 0.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input, conv2d_weight

from convwright import _library

_DIRECTIONS = ("fprop", "dgrad", "wgrad")
_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
_EXACT = re.compile(r".*?_(nhwc|nchw)(_bias)?(_relu)?(?=_|$)")  # a string without a multiplier
_EXACT_INTEGERS = 2**24  # integers up to here are exact in float32
_LARGEST_VALUE = 3
_KERNEL_FIELDS = (
    *("device", "operator", "kernel", "schedule"),
    *("target", "format", "dtype", "problem"),
)


class Problem(NamedTuple):
    """A parsed problem string: sizes in elements, named as in the string."""

    direction: str
    input_sizes: tuple[int, int, int, int]  # n, ci, ih, iw
    weight_sizes: tuple[int, int, int, int]  # co, ci/groups, kh, kw
    geometry: tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]
    memory_format: torch.memory_format
    has_bias: bool
    dtype: torch.dtype


@dataclass(frozen=True)
class Result:
    """What one kernel gave. `failure` is None where every value is right."""

    kernel: str
    schedule: str
    isa: str
    failure: str | None


def split(text: str) -> tuple[str, str]:
    """A problem string without the multiplier or product behind it, and that one, "" for none."""
    found = _EXACT.match(text)
    exact = found.group() if found else text
    return exact, text[len(exact) + 1 :]


def parse(text: str) -> Problem:
    """The problem of a string such as `fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc_bias`.

    Raises RuntimeError if the string does not parse, LibraryMissing without the library.
    """
    _library.load()
    numbers = torch.ops.convwright.parse_problem(text)
    direction, n, ci, ih, iw, co, kh, kw, sh, sw, ph, pw, dh, dw, groups, nhwc, bias, *_ = numbers
    return Problem(
        _DIRECTIONS[direction],
        (n, ci, ih, iw),
        (co, ci // groups, kh, kw),
        ((sh, sw), (ph, pw), (dh, dw), groups),
        torch.channels_last if nhwc else torch.contiguous_format,
        bool(bias),
        next(dtype for name, dtype in _DTYPES.items() if f"_{name}_" in text),
    )


def place_of(device: str) -> torch.device:
    """ "cpu", "cuda", which is the current one, or "cuda:1" as a device with its number.

    Raises ValueError if there is no such device.
    """
    named = re.fullmatch(r"cpu|cuda(?::(\d{1,3}))?", device)
    count = torch.cuda.device_count()
    if named is None or (device != "cpu" and int(named[1] or 0) >= count):
        raise ValueError(f"device is {device!r}, but there are the CPU and {count} CUDA devices")
    if device == "cuda":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device(device)


def kernels(text: str, device: str = "cpu") -> list[tuple[str, str, str]]:
    """(name, schedule, isa or architecture) of each kernel that accepts the problem, best first.

    Raises ValueError if there is no such device.
    """
    place = place_of(device)
    if place.type == "cpu":
        lines = torch.ops.convwright.kernels(text)
    else:
        lines = torch.ops.convwright.cuda_kernels(text, place.index)
    return [tuple(line.split("\t")) for line in lines.splitlines()]


def library_kernels(device: str | None = None) -> list[dict[str, str]]:
    """All kernels of the library, or those for "cpu" or "cuda": name, schedule, what for.

    Raises ValueError for another device, LibraryMissing without the library.
    """
    if device not in (None, "cpu", "cuda"):
        raise ValueError(f"device is {device!r}, but the library has kernels for cpu and for cuda")
    _library.load()
    lines = torch.ops.convwright.library_kernels().splitlines()
    rows = [dict(zip(_KERNEL_FIELDS, line.split("\t"), strict=True)) for line in lines]
    return [row for row in rows if device in (None, row["device"])]


def check(
    text: str, kernel: str | None = None, seed: int = 0, device: str = "cpu"
) -> Iterator[Result]:
    """Run every kernel that accepts the problem, or the one named, and compare with PyTorch.

    device is "cpu" or a CUDA device. Raises ValueError if no kernel accepts the problem or `kernel`
    is not among those that do.
    """
    problem = parse(text)
    rows = kernels(text, device)
    chosen = [row for row in rows if kernel in (None, row[0])]
    if not chosen:
        accepting = ", ".join(row[0] for row in rows) or "none"
        raise ValueError(f"no kernel {kernel or ''} for {text}; those that accept it: {accepting}")

    operands = _operands(problem, seed)
    expected = _expected(problem, operands).to(problem.dtype)
    for name, schedule, isa in chosen:
        on_device = tuple(None if t is None else t.to(device, problem.dtype) for t in operands)
        try:
            failure = _difference(_run(problem, name, on_device).cpu(), expected)
        except RuntimeError as error:
            failure = f"it raised {type(error).__name__}: {str(error).splitlines()[0]}"
        yield Result(name, schedule, isa, failure)


def _operands(problem: Problem, seed: int) -> tuple[Tensor | None, ...]:
    """What the direction's operator takes before the geometry: integers as float32."""
    n = problem.input_sizes[0]
    co, ci_per_group, kh, kw = problem.weight_sizes
    sizes = output_sizes(problem)
    products = {
        "fprop": ci_per_group * kh * kw,
        "dgrad": co // problem.geometry[3] * kh * kw,
        "wgrad": n * sizes[2] * sizes[3],
    }[problem.direction]
    # +1 is the bias; the cap keeps every partial sum exact.
    limit = min(_LARGEST_VALUE, math.isqrt(_EXACT_INTEGERS // (products + 1)))
    if limit == 0:
        raise ValueError(f"{products} products a sum are too many to be exact in float32")

    generator = torch.Generator().manual_seed(seed)

    def integers(*sizes: int) -> Tensor:
        values = torch.randint(-limit, limit + 1, sizes, generator=generator).float()
        if len(sizes) != 4:
            return values
        # contiguous() leaves one channel with the strides it has, by which it is of either format.
        return torch.empty_like(values, memory_format=problem.memory_format).copy_(values)

    input, weight = integers(*problem.input_sizes), integers(*problem.weight_sizes)
    if problem.direction == "fprop":
        return input, weight, integers(co) if problem.has_bias else None
    return integers(*sizes), input, weight


def output_sizes(problem: Problem) -> torch.Size:
    """[n, co, oh, ow] of the problem's convolution."""
    input = torch.empty(problem.input_sizes, device="meta")
    weight = torch.empty(problem.weight_sizes, device="meta")
    return F.conv2d(input, weight, None, *problem.geometry).shape


def _expected(problem: Problem, operands: tuple[Tensor | None, ...]) -> Tensor:
    first, second, third = (None if t is None else t.double() for t in operands)
    if problem.direction == "fprop":
        return F.conv2d(first, second, third, *problem.geometry)
    if problem.direction == "dgrad":
        return conv2d_input(problem.input_sizes, third, first, *problem.geometry)
    return conv2d_weight(second, problem.weight_sizes, first, *problem.geometry)


def _run(problem: Problem, kernel: str, operands: tuple[Tensor | None, ...]) -> Tensor:
    op = getattr(torch.ops.convwright, f"conv2d_{problem.direction}")
    torch.ops.convwright.force_kernel(kernel)
    try:
        return op(*operands, *problem.geometry)
    finally:
        torch.ops.convwright.force_kernel("")


def _difference(actual: Tensor, expected: Tensor) -> str | None:
    if actual.shape != expected.shape:
        return f"sizes are {tuple(actual.shape)}, expected {tuple(expected.shape)}"
    wrong = (actual != expected).nonzero()  # NaN differs from everything
    if len(wrong) == 0:
        return None
    first = tuple(wrong[0].tolist())
    return (
        f"{len(wrong)} of {actual.numel()} values differ, "
        f"first at {first}: {actual[first].item():g}, expected {expected[first].item():g}"
    )
