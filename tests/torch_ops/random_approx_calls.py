# SPDX-License-Identifier: Apache-2.0
"""Random calls of the approximate operators, each with its check against the scalar model."""

from dataclasses import dataclass
from functools import cache

import torch
from hypothesis import strategies as st
from random_calls import Memory, memories, placed, windows
from test_approx_conv2d import ORDERED, reals
from test_approx_int8 import RANGES, reference
from torch import Tensor

from convwright import multipliers
from convwright.bench import approx_reference as oracle
from convwright.functional import approx_conv2d

_Sizes = tuple[int, ...]


@dataclass(frozen=True)
class ApproxCall:
    """A float call, forward and backward by the multiplier."""

    input: _Sizes
    weight: _Sizes
    geometry: tuple  # stride, padding, dilation, groups
    memories: tuple[Memory, ...]  # of input, weight, and the gradient that comes in
    multiplier: str
    number_format: str
    bias: bool
    threads: int
    seed: int

    def check(self) -> None:
        draw = reals(self.seed)
        input, weight = (
            placed(draw(*sizes), memory).requires_grad_()
            for sizes, memory in zip((self.input, self.weight), self.memories, strict=False)
        )
        bias = draw(self.weight[0]) if self.bias else None
        model = {"multiplier": self.multiplier, "number_format": self.number_format}
        output = approx_conv2d(input, weight, bias, *self.geometry, backward="approx", **model)
        grad = placed(draw(*output.shape), self.memories[2])
        gradients = torch.autograd.grad(output, (input, weight), grad)
        operands = input.detach(), weight.detach()
        # PyTorch's fold takes no expanded gradient.
        backward = (grad.contiguous(), *operands, *self.geometry)
        expected = {
            "output": (output, oracle.fprop(*operands, bias, *self.geometry, **model)),
            "gradient of input": (gradients[0], oracle.dgrad(*backward, **model)),
            "gradient of weight": (gradients[1], oracle.wgrad(*backward, **model)),
        }
        for name, (ours, models) in expected.items():
            assert torch.equal(ours, models), f"{name} of {self}"


@dataclass(frozen=True)
class Int8Call:
    """Sums of table entries."""

    input: _Sizes
    weight: _Sizes
    geometry: tuple
    memories: tuple[Memory, ...]  # of input and weight
    table: str
    number_format: str
    zero_point: int
    threads: int
    seed: int

    def check(self) -> None:
        low, high = RANGES[self.number_format]
        generator = torch.Generator().manual_seed(self.seed)
        dtype = getattr(torch, self.number_format)
        a, w = (
            placed(torch.randint(low, high + 1, sizes, generator=generator).to(dtype), memory)
            for sizes, memory in zip((self.input, self.weight), self.memories, strict=True)
        )
        table = _table(self.table, self.number_format)
        pad = low + self.zero_point
        sums = torch.ops.convwright.approx_int8_conv2d(a, w, *self.geometry, table, pad)
        expected = reference(a.contiguous(), w.contiguous(), table, self.geometry, pad)
        assert torch.equal(sums.long(), expected), self


@cache
def _table(name: str, number_format: str) -> Tensor:
    """Of a multiplier, or random entries of 15 bits and signs."""
    if name != "random":
        return multipliers.parse(name).table(number_format)
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(-(2**15), 2**15, (256, 256), generator=generator, dtype=torch.int32)
    signed = number_format == "int8"
    return multipliers.from_table(values, signed=signed).table(number_format)


@st.composite
def _shapes(draw: st.DrawFn) -> tuple:
    window = draw(windows(most=4))
    groups = draw(st.integers(1, 3))
    ci, co = (groups * draw(st.integers(1, 5)) for _ in range(2))
    input, weight = (draw(st.integers(1, 2)), ci, *window.size), (co, ci // groups, *window.kernel)
    return input, weight, (window.stride, window.padding, window.dilation, groups)


_THREADS, _SEEDS = st.integers(1, 4), st.integers(0, 2**16)


@st.composite
def approx_calls(draw: st.DrawFn) -> ApproxCall:
    multiplier = draw(st.sampled_from(ORDERED))
    formats = set(multipliers.parse(multiplier).number_formats) & {"float32", "bfloat16"}
    return ApproxCall(
        *draw(_shapes()),
        tuple(draw(memories(4)) for _ in range(3)),
        multiplier,
        draw(st.sampled_from(sorted(formats))),
        draw(st.booleans()),
        draw(_THREADS),
        draw(_SEEDS),
    )


@st.composite
def int8_calls(draw: st.DrawFn) -> Int8Call:
    return Int8Call(
        *draw(_shapes()),
        tuple(draw(memories(4)) for _ in range(2)),
        draw(st.sampled_from(["exact", "mbm", "drum(4)", "roba", "random"])),
        draw(st.sampled_from(sorted(RANGES))),
        draw(st.integers(0, 255)),
        draw(_THREADS),
        draw(_SEEDS),
    )
