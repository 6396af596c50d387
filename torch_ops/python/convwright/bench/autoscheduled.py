# SPDX-License-Identifier: Apache-2.0
"""A baseline: the plain convolution in Halide, scheduled by Halide's Adams2019 autoscheduler.

    fprop(co,x,y,n)    = bias(co) + sum_{ci,kx,ky} input(ci, x*s+kx*d-p, …, n) * weight(co,ci,kx,ky)
    dgrad(ci,x,y,n)    = sum_{co,kx,ky} grad(co, (x+p-kx*d)/s, …, n) * weight(co,ci,kx,ky)
    wgrad(co,ci,kx,ky) = sum_{x,y,n} grad(co,x,y,n) * input(ci, x*s+kx*d-p, …, n)

Innermost first, zeros outside; dgrad where s divides. Activations are channels_last. Weights are in
the order above, which suits vectors of output channels best, and packing them is in no time. It
needs the package halide, which brings the autoscheduler.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import halide as hl
import torch
from torch import Tensor

from convwright.bench.problems import Problem

DIRECTIONS = ("fprop", "inference", "dgrad", "wgrad")
_PLUGIN = "libautoschedule_adams2019.so"
_loaded: list[str] = []


def make(
    problem: Problem,
    direction: str,
    operands: tuple[Tensor, Tensor, Tensor | None, Tensor],
    threads: int,
) -> Callable[[], tuple[Tensor, ...]]:
    """One of DIRECTIONS, scheduled and compiled for this CPU, of (input, weight, bias, gradient of
    the output); every call writes the same tensor.

    Raises RuntimeError where Halide cannot.
    """
    _load_plugin()
    os.environ["HL_NUM_THREADS"] = str(threads)  # read when the first parallel loop runs
    names = {"dgrad": (_dgrad, 0), "wgrad": (_wgrad, 1)}
    algorithm, like = names.get(direction, (_fprop, 3))
    input, weight, bias, grad_output = operands
    inputs = (
        _channels_innermost(input),
        _packed(weight),
        None if bias is None else bias.detach(),
        _channels_innermost(grad_output),
    )
    func = algorithm(problem, *map(_param, inputs))

    as_weight = direction == "wgrad"
    result = torch.empty_like((_packed if as_weight else _channels_innermost)(operands[like]))
    buffer = hl.Buffer(result.numpy())
    func.set_estimates(_extents(buffer))
    target, pipeline = hl.get_host_target(), hl.Pipeline(func)
    options = hl.AutoschedulerParams("Adams2019", {"parallelism": str(threads)})
    pipeline.apply_autoscheduler(target, options)
    pipeline.compile_jit(target)
    output = result.permute((3, 2, 0, 1) if as_weight else (0, 3, 1, 2))
    return _Compiled(pipeline, buffer, output, inputs)


@dataclass(frozen=True)
class _Compiled:
    pipeline: hl.Pipeline
    buffer: hl.Buffer
    output: Tensor  # what `buffer` writes
    inputs: tuple[Tensor | None, ...]  # Halide's buffers do not keep the memory that they are of

    def __call__(self) -> tuple[Tensor, ...]:
        self.pipeline.realize(self.buffer)
        return (self.output,)


def _load_plugin() -> None:
    """Once a process. Raises RuntimeError where the package has no autoscheduler."""
    if _loaded:
        return
    found = next((file for place in hl.__path__ for file in Path(place).rglob(_PLUGIN)), None)
    if found is None:
        raise RuntimeError(f"the package halide has no {_PLUGIN}")
    hl.load_plugin(str(found))
    _loaded.append(str(found))


def _channels_innermost(activation: Tensor) -> Tensor:
    """[N, H, W, C], dense; Halide has (c, x, y, n)."""
    return activation.detach().permute(0, 2, 3, 1).contiguous()


def _packed(weight: Tensor) -> Tensor:
    """[Kh, Kw, Ci, Co], dense; Halide has (co, ci, kx, ky)."""
    return weight.detach().permute(2, 3, 1, 0).contiguous()


def _param(values: Tensor | None) -> hl.ImageParam | None:
    if values is None:
        return None
    buffer = hl.Buffer(values.numpy())
    param = hl.ImageParam(hl.Float(32), buffer.dimensions())
    param.set(buffer)
    param.set_estimates(_extents(buffer))
    return param


def _extents(buffer: hl.Buffer) -> list[tuple[int, int]]:
    return [(0, buffer.dim(i).extent()) for i in range(buffer.dimensions())]


def _at(image: hl.ImageParam, c: hl.Expr, x: hl.Expr, y: hl.Expr, n: hl.Expr) -> hl.Expr:
    """The pixel, 0 outside."""
    width, height = image.dim(1).extent(), image.dim(2).extent()
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    pixel = image[c, hl.clamp(x, 0, width - 1), hl.clamp(y, 0, height - 1), n]
    return hl.select(inside, pixel, hl.f32(0))


def _fprop(problem: Problem, input: hl.ImageParam, weight: hl.ImageParam, bias, _) -> hl.Func:
    (sh, sw), (ph, pw), (dh, dw), groups = problem.geometry
    co_all, ci, kh, kw = problem.weight_sizes
    co, x, y, n = (hl.Var(name) for name in ("co", "x", "y", "n"))
    r = hl.RDom([(0, ci), (0, kw), (0, kh)], "r")
    func = hl.Func("fprop")
    func[co, x, y, n] = hl.f32(0) if bias is None else bias[co]
    channel = _group(co, co_all // groups, groups) * ci + r.x
    pixel = _at(input, channel, x * sw + r.y * dw - pw, y * sh + r.z * dh - ph, n)
    func[co, x, y, n] += pixel * weight[co, r.x, r.y, r.z]
    return func


def _dgrad(problem: Problem, _, weight: hl.ImageParam, __, grad: hl.ImageParam) -> hl.Func:
    (sh, sw), (ph, pw), (dh, dw), groups = problem.geometry
    co_all, ci_per_group, kh, kw = problem.weight_sizes
    co_per_group = co_all // groups
    ci, x, y, n = (hl.Var(name) for name in ("ci", "x", "y", "n"))
    r = hl.RDom([(0, co_per_group), (0, kw), (0, kh)], "r")
    func = hl.Func("dgrad")
    func[ci, x, y, n] = hl.f32(0)
    group = _group(ci, ci_per_group, groups)
    co = group * co_per_group + r.x
    gx, gy = x + pw - r.y * dw, y + ph - r.z * dh
    pixel = _at(grad, co, gx // sw, gy // sh, n)
    if (sh, sw) != (1, 1):
        pixel = hl.select((gx % sw == 0) & (gy % sh == 0), pixel, hl.f32(0))
    func[ci, x, y, n] += pixel * weight[co, ci - group * ci_per_group, r.y, r.z]
    return func


def _wgrad(problem: Problem, input: hl.ImageParam, _, __, grad: hl.ImageParam) -> hl.Func:
    (sh, sw), (ph, pw), (dh, dw), groups = problem.geometry
    co_all, ci_per_group, _, _ = problem.weight_sizes
    images, _, oh, ow = problem.output_sizes
    co, ci, kx, ky = (hl.Var(name) for name in ("co", "ci", "kx", "ky"))
    r = hl.RDom([(0, ow), (0, oh), (0, images)], "r")
    func = hl.Func("wgrad")
    func[co, ci, kx, ky] = hl.f32(0)
    channel = _group(co, co_all // groups, groups) * ci_per_group + ci
    pixel = _at(input, channel, r.x * sw + kx * dw - pw, r.y * sh + ky * dh - ph, r.z)
    func[co, ci, kx, ky] += grad[co, r.x, r.y, r.z] * pixel
    return func


def _group(channel: hl.Var, per_group: int, groups: int) -> hl.Expr | int:
    return channel // per_group if groups > 1 else 0
