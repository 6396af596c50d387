# SPDX-License-Identifier: Apache-2.0
"""Random calls of the operators: sizes, arguments, dtypes, memory, threads, wanted gradients.

A call is a value: what hypothesis prints of one that fails is pasted as a case of
test_random_calls.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from separable_cases import two_steps
from torch import Tensor

from convwright import functional

# Each beside what PyTorch has for it, with the same arguments.
FUNCTIONS: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "conv2d": (functional.conv2d, F.conv2d),
    "conv2d_relu": (functional.conv2d_relu, lambda *args: F.conv2d(*args).relu()),
    "conv1d": (functional.conv1d, F.conv1d),
    "conv_transpose2d": (functional.conv_transpose2d, F.conv_transpose2d),
    "weighted_sum": (functional.weighted_sum_conv2d, two_steps("wsum")),
    "separable": (functional.depthwise_separable_conv2d, two_steps("dwsep")),
}
_MOST_THREADS = 4
_JUNK = 77  # where there is no NaN


@dataclass(frozen=True)
class Memory:
    """How a tensor lies in memory: `trick` is played on the dimension `dim`."""

    order: tuple[int, ...]  # of dimensions, outermost first
    trick: str = "plain"
    dim: int = 0


TRICKS = ("plain", "plain", "slice", "every second", "expanded", "number")


@dataclass(frozen=True)
class Call:
    """One call, by which it can be repeated."""

    operator: str
    sizes: tuple[tuple[int, ...], ...]  # of input, weights and, where there is one, bias
    arguments: tuple[Any, ...]  # behind the tensors
    dtype: torch.dtype = torch.float32
    memories: tuple[Memory, ...] = ()  # of each tensor, and of the gradient that comes in
    needed: tuple[bool, ...] = ()  # gradients, of each tensor
    threads: int = 1
    seed: int = 0

    @property
    def has_bias(self) -> bool:
        return len(self.sizes[-1]) == 1

    def tensors(self) -> list[Tensor]:
        """Integers in [-2, 2]: sums of products are exact in float32, and of two such sums in a
        row the first is exact in bfloat16."""
        generator = torch.Generator().manual_seed(self.seed)
        return [
            placed(integers(sizes, generator).to(self.dtype), memory)
            for sizes, memory in zip(self.sizes, self.memories, strict=False)
        ]

    def results(self, function: Callable[..., Tensor], tensors: Sequence[Tensor]) -> list[Tensor]:
        """Output, and the gradients that are needed."""
        leaves = [t.detach().requires_grad_(n) for t, n in zip(tensors, self.needed, strict=True)]
        no_bias = () if self.has_bias else (None,)
        output = function(*leaves, *no_bias, *self.arguments)
        if not any(self.needed):
            return [output]
        grad = integers(output.shape, torch.Generator().manual_seed(self.seed + 1))
        grad = placed(grad.to(output.dtype), self.memories[-1])
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        return [output, *torch.autograd.grad(output, wanted, grad)]


def integers(sizes: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.randint(-2, 3, tuple(sizes), generator=generator)


def placed(values: Tensor, memory: Memory) -> Tensor:
    """`values` as `memory` says, between junk; "expanded" and "number" repeat some of them."""
    dim, size = memory.dim, values.shape[memory.dim]
    if memory.trick == "number" and values.numel() > 0:
        return values.flatten()[0].clone().expand(values.shape)
    if memory.trick == "expanded" and size > 0:
        one = placed(values.narrow(dim, 0, 1), replace(memory, trick="plain"))
        return one.expand(values.shape)
    lengths = list(values.shape)
    lengths[dim] += {"slice": 3, "every second": size}.get(memory.trick, 0)
    block = values.new_empty([lengths[d] for d in memory.order])
    block = block.permute([memory.order.index(d) for d in range(values.dim())])
    block.fill_(float("nan") if values.is_floating_point() else _JUNK)
    if memory.trick == "slice":
        block = block.narrow(dim, 1, size)
    elif memory.trick == "every second":
        block = block[(slice(None),) * dim + (slice(None, None, 2),)]
    return block.copy_(values)


@st.composite
def memories(draw: st.DrawFn, rank: int) -> Memory:
    contiguous = tuple(range(rank))
    channels_last = (0, *contiguous[2:], 1) if rank > 2 else contiguous
    usual = st.sampled_from([contiguous, channels_last])
    order = draw(st.one_of(usual, usual, st.permutations(contiguous).map(tuple)))
    return Memory(order, draw(st.sampled_from(TRICKS)), draw(st.integers(0, rank - 1)))


@dataclass(frozen=True)
class Window:
    """Per dimension of the images."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


@st.composite
def windows(draw: st.DrawFn, rank: int = 2, most: int = 12) -> Window:
    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, dilation, padding = each(1, 5), each(1, 3), each(0, 4)
    reach = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(dilation, kernel, padding, strict=True)]
    size = tuple(max(r, 1) + more for r, more in zip(reach, each(0, most), strict=True))
    return Window(size, kernel, each(1, 4), padding, dilation)


DTYPES = [torch.float32] * 6 + [torch.bfloat16] * 2 + [torch.float16, torch.float64]


@st.composite
def calls(draw: st.DrawFn, operator: str) -> Call:
    """Any call of an operator of FUNCTIONS that PyTorch accepts."""
    sizes, arguments = draw(_SHAPES[operator])
    if draw(st.booleans()):
        sizes = (*sizes, (_channels_out(operator, sizes, arguments),))
    rank = len(sizes[0])
    places = [draw(memories(len(s))) for s in (*sizes, (0,) * rank)]
    return Call(
        operator,
        sizes,
        arguments,
        draw(st.sampled_from(DTYPES)),
        tuple(places),
        tuple(draw(st.booleans()) for _ in sizes),
        draw(st.integers(1, _MOST_THREADS)),
        draw(st.integers(0, 2**16)),
    )


def _channels_out(operator: str, sizes: tuple[tuple[int, ...], ...], arguments: tuple) -> int:
    if operator == "conv_transpose2d":
        return sizes[1][1] * arguments[3]
    return sizes[2][0] if operator == "separable" else sizes[1][0]


@st.composite
def _convolutions(draw: st.DrawFn, rank: int = 2) -> tuple:
    window = draw(windows(rank))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 8]))
    ci, co = (groups * draw(st.integers(1, 18)) for _ in range(2))
    if draw(st.integers(0, 4)) == 0:  # depthwise
        groups = ci = co = draw(st.integers(1, 36))
    padding: Any = window.padding
    if set(window.stride) == {1} and draw(st.booleans()):
        padding = "same"
    sizes = (_batch(draw), ci, *window.size), (co, ci // groups, *window.kernel)
    return sizes, (window.stride, padding, window.dilation, groups)


@st.composite
def _transposed(draw: st.DrawFn) -> tuple:
    window = draw(windows(most=6))
    groups = draw(st.sampled_from([1, 1, 2, 3, 8]))
    ci, per_group = groups * draw(st.integers(1, 12)), draw(st.integers(1, 12))
    over = tuple(
        draw(st.integers(0, max(s, d) - 1))
        for s, d in zip(window.stride, window.dilation, strict=True)
    )
    # As much padding as leaves a row of the result.
    whole = [
        (i - 1) * s + d * (k - 1) + o
        for i, s, d, k, o in zip(
            window.size, window.stride, window.dilation, window.kernel, over, strict=True
        )
    ]
    padding = tuple(min(p, w // 2) for p, w in zip(window.padding, whole, strict=True))
    sizes = (_batch(draw), ci, *window.size), (ci, per_group, *window.kernel)
    return sizes, (window.stride, padding, over, groups, window.dilation)


@st.composite
def _two_steps(draw: st.DrawFn, form: str) -> tuple:
    window = draw(windows())
    ci, co = draw(st.integers(1, 36)), draw(st.integers(1, 36))
    pointwise, depthwise = (co, ci, 1, 1), (co if form == "wsum" else ci, 1, *window.kernel)
    weights = (pointwise, depthwise) if form == "wsum" else (depthwise, pointwise)
    sizes = (_batch(draw), ci, *window.size), *weights
    return sizes, (window.stride, window.padding, window.dilation)


def _batch(draw: st.DrawFn) -> int:
    return draw(st.sampled_from([1, 2, 3, 1, 2, 3, 1, 2, 3, 0]))


_SHAPES = {
    "conv2d": _convolutions(),
    "conv2d_relu": _convolutions(),
    "conv1d": _convolutions(1),
    "conv_transpose2d": _transposed(),
    "weighted_sum": _two_steps("wsum"),
    "separable": _two_steps("dwsep"),
}
