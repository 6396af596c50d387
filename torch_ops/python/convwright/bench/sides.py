# SPDX-License-Identifier: Apache-2.0
"""What is timed: one problem and direction by Convwright and by PyTorch, in both memory formats.

Both get the same values, and tensors of the same format: input, weight and output gradient are
channels_last ("nhwc") or contiguous ("nchw"), as `model.to(memory_format=...)` makes them.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

import convwright
from convwright import _choices, _trace
from convwright._trace import Row
from convwright.bench.problems import Problem
from convwright.bench.results import FORMAT_NAMES, OURS, TORCHS

FORMATS = dict(zip(FORMAT_NAMES, (torch.channels_last, torch.contiguous_format), strict=True))
_BACKENDS = {"Mkldnn": "oneDNN", "Cudnn": "cuDNN", "Slow2d": "PyTorch's GEMM (Slow2d)"}
REFERENCE = f"{TORCHS}_nchw"  # ours are compared with its results

Run = Callable[[], tuple[Tensor, ...]]


# Further sides, in channels_last: Convwright without what tuning chose, PyTorch's compiler, and
# Halide's own autoscheduler.
UNTUNED = f"{OURS}_untuned_nhwc"
COMPILED = "compile_nhwc"
AUTOSCHEDULED = "halide_adams2019_nhwc"


class WrongAnswer(Exception):
    """A side of ours differs from PyTorch by more than rounding, or raised. The text says how."""


@dataclass(frozen=True)
class Operands:
    input: Tensor
    weight: Tensor
    bias: Tensor | None
    grad_output: Tensor

    def map(self, change: Callable[[Tensor], Tensor]) -> "Operands":
        bias = None if self.bias is None else change(self.bias)
        return Operands(change(self.input), change(self.weight), bias, change(self.grad_output))


def draw(problem: Problem, seed: int = 0) -> Operands:
    """Normal random values."""
    generator = torch.Generator().manual_seed(seed)

    def values(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator)

    return Operands(
        values(*problem.input_sizes),
        values(*problem.weight_sizes),
        values(problem.output_sizes[1]) if problem.has_bias else None,
        values(*problem.output_sizes),
    )


def in_format(operands: Operands, memory_format: torch.memory_format) -> Operands:
    """Copies, so that no side shares memory with another."""
    return operands.map(
        lambda t: t.clone(memory_format=memory_format) if t.dim() == 4 else t.clone()
    )


def mode(direction: str) -> AbstractContextManager:
    """To be entered around the sides' calls: without it, autograd's host cost would count."""
    return torch.enable_grad() if direction == "step" else torch.inference_mode()


def make_sides(
    problem: Problem, direction: str, operands: Operands, names: dict[str, str] | None = None
) -> dict[str, Run]:
    """SIDES in order, each ready to be called again and again inside `mode`.

    names: of OURS and TORCHS those that are wanted, and what they are called.
    """
    sides = {}
    for who, called in (names or {OURS: OURS, TORCHS: TORCHS}).items():
        for name, memory_format in FORMATS.items():
            own = in_format(operands, memory_format)
            sides[f"{called}_{name}"] = _make(who, problem, direction, own, memory_format)
    return sides


def _make(
    who: str,
    problem: Problem,
    direction: str,
    operands: Operands,
    memory_format: torch.memory_format,
) -> Run:
    if direction in ("step", "inference"):
        kind = convwright.nn.Conv2d if who == OURS else torch.nn.Conv2d
        layer = layer_of(kind, problem, operands, memory_format)
        return step(layer, operands) if direction == "step" else lambda: (layer(operands.input),)
    make = _our_operator if who == OURS else _torch_operator
    return make(problem, direction, operands)


def _our_operator(problem: Problem, direction: str, t: Operands) -> Run:
    geometry = problem.geometry
    if direction == "fprop":
        return lambda: (convwright.functional.conv2d(t.input, t.weight, t.bias, *geometry),)
    op = getattr(torch.ops.convwright, f"conv2d_{direction}").default
    return lambda: (op(t.grad_output, t.input, t.weight, *geometry),)


def _torch_operator(problem: Problem, direction: str, t: Operands) -> Run:
    stride, padding, dilation, groups = problem.geometry
    if direction == "fprop":
        return lambda: (F.conv2d(t.input, t.weight, t.bias, stride, padding, dilation, groups),)
    wanted = [direction == "dgrad", direction == "wgrad", False]
    index = wanted.index(True)
    op = torch.ops.aten.convolution_backward.default
    fixed = None, stride, padding, dilation, False, [0, 0], groups, wanted
    return lambda: (op(t.grad_output, t.input, t.weight, *fixed)[index],)


def layer_of(
    kind: Callable[..., torch.nn.Conv2d],
    problem: Problem,
    operands: Operands,
    memory_format: torch.memory_format,
) -> torch.nn.Conv2d:
    """With the operands' weight and bias."""
    ci, co = problem.input_sizes[1], problem.output_sizes[1]
    layer = kind(ci, co, problem.weight_sizes[2:], *problem.geometry, bias=problem.has_bias)
    layer.to(operands.weight)
    with torch.no_grad():
        layer.weight.copy_(operands.weight)
        if operands.bias is not None:
            layer.bias.copy_(operands.bias)
    return layer.to(memory_format=memory_format)


def step(layer: torch.nn.Conv2d, operands: Operands) -> Run:
    """Forward and backward: the output, gradients of input, weight and, if there is one, bias."""
    input = operands.input.requires_grad_()
    leaves = [input, *layer.parameters()]  # weight, bias

    def run() -> tuple[Tensor, ...]:
        for leaf in leaves:
            leaf.grad = None  # as optimizer.zero_grad() does
        output = layer(input)
        output.backward(operands.grad_output)
        return output.detach(), *(leaf.grad for leaf in leaves)

    return run


@dataclass(frozen=True)
class Untuned:
    """A side that looks up no choice. A switch costs a plan: who times it uses `run`, and switches
    before."""

    run: Run

    def __call__(self) -> tuple[Tensor, ...]:
        with _choices.untuned():
            return self.run()


def untuned_side(problem: Problem, direction: str, operands: Operands) -> Untuned:
    own = in_format(operands, torch.channels_last)
    return Untuned(_make(OURS, problem, direction, own, torch.channels_last))


def compiled_side(problem: Problem, direction: str, operands: Operands) -> Run:
    """PyTorch's side by torch.compile, which has compiled it when this returns.

    A step's forward and backward are compiled, and the calls around them are not. Raises
    RuntimeError, with one sentence, where the compiler fails.
    """
    own = in_format(operands, torch.channels_last)
    if direction == "step":
        layer = layer_of(torch.nn.Conv2d, problem, own, torch.channels_last)
        run = step(torch.compile(layer, dynamic=False), own)
    else:
        run = torch.compile(
            _make(TORCHS, problem, direction, own, torch.channels_last), dynamic=False
        )
    compile_now(run, direction)
    return run


def compile_now(run: Run, direction: str) -> None:
    """Calls a compiled side once. Raises RuntimeError, with one sentence."""
    try:
        with mode(direction):
            run()
    except Exception as error:  # of any of the compiler's parts
        raise RuntimeError((str(error).splitlines() or [type(error).__name__])[0]) from error


def autoscheduled_side(problem: Problem, direction: str, operands: Operands, threads: int) -> Run:
    """Halide's autoscheduler's form. Raises RuntimeError where there is none."""
    from convwright.bench import autoscheduled  # the package halide, which nothing else here needs

    if direction not in autoscheduled.DIRECTIONS:
        raise RuntimeError(f"it has no {direction}")
    t = operands
    return autoscheduled.make(
        problem, direction, (t.input, t.weight, t.bias, t.grad_output), threads
    )


def torch_backends(problem: Problem, operands: Operands) -> dict[str, str]:
    """Whose convolution PyTorch takes, by memory format: "oneDNN", "cuDNN", …; it takes the same
    for all directions."""
    stride, padding, dilation, groups = problem.geometry
    found = {}
    for name, memory_format in FORMATS.items():
        t = in_format(operands, memory_format)
        backend = torch._C._select_conv_backend(
            t.input, t.weight, t.bias, stride, padding, dilation, False, (0, 0), groups
        )
        found[name] = _BACKENDS.get(backend.name, backend.name)
    return found


def check(
    problem: Problem,
    direction: str,
    operands: Operands,
    sides: dict[str, Run],
    in_float64: bool = False,
) -> None:
    """Compare all sides but PyTorch's with its contiguous one, or float64, element by element.

    Raises WrongAnswer where they are further apart than twice 2 * sqrt(K) * eps * sum(|products|),
    K the products in a sum: the rounding error of random values, with a probability near 1
    (Higham and Mary, A New Approach to Probabilistic Rounding Error Analysis, 2019). The bound that
    always holds, with K for sqrt(K), is no smaller than a typical weight gradient.
    """
    if in_float64:
        wide = operands.map(torch.Tensor.double)
        expected = _make(TORCHS, problem, direction, wide, torch.contiguous_format)()
    else:
        expected = sides[REFERENCE]()
    allowed = rounding(problem, direction, operands)
    for name, run in sides.items():
        if not name.startswith(TORCHS):
            compare(name, run, expected, allowed)


def rounding(problem: Problem, direction: str, operands: Operands) -> list[Tensor]:
    """How far apart each value of each result may be, as `check` says."""
    magnitude = operands.map(torch.abs)
    scale = _make(TORCHS, problem, direction, magnitude, torch.contiguous_format)()
    eps = torch.finfo(torch.float32).eps
    factors = [4 * math.sqrt(k) * eps for k in _products(problem, direction)]
    return [factor * size for factor, size in zip(factors, scale, strict=True)]


def compare(
    name: str, run: Run, expected: Sequence[Tensor], allowed: Sequence[Tensor | float]
) -> None:
    """Raises WrongAnswer where a result is further from what is expected than allowed."""
    try:
        actual = run()
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else ""
        raise WrongAnswer(f"{name} raised {type(error).__name__}: {text}") from error
    for got, want, limit in zip(actual, expected, allowed, strict=True):
        if got.shape != want.shape:
            raise WrongAnswer(f"{name}: sizes {tuple(got.shape)}, not {tuple(want.shape)}")
        # What is expected may have been computed on the CPU.
        apart = (got - want.to(got.device)).abs()
        limit = torch.as_tensor(limit, device=got.device)
        excess = (apart / limit.clamp_min(1e-30)).max().item()
        if not excess <= 1:  # NaN too
            how = f"{excess:.2g} times the rounding allowed"
            if not limit.any():
                how = f"values are up to {apart.max().item():.2g} apart, and must be equal"
            raise WrongAnswer(f"{name} is wrong: {how}")


def _products(problem: Problem, direction: str) -> list[int]:
    """Of each result of a side."""
    if direction == "inference":
        direction = "fprop"
    if direction != "step":
        return [problem.products(direction)]
    passes = [problem.products(p) for p in ("fprop", "dgrad", "wgrad")]
    return [*passes, passes[2]] if problem.has_bias else passes


def traced(run: Run) -> list[Row]:
    """The kernels that one call runs, in order; "PyTorch" where none of ours did."""
    with _trace.recording():
        run()
    return _trace.take()
