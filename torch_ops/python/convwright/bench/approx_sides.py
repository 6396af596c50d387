# SPDX-License-Identifier: Apache-2.0
"""What is timed of an approximate layer: Convwright's, and what it is in PyTorch without it.

Beside them stands PyTorch's exact convolution. Of an integer format a call quantises both operands,
with scales from their ranges, and a step's gradients are those of fake quantisation.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from convwright._approx_ops import ops_of
from convwright._quantised import RANGES, Quantisation
from convwright.bench import approx_reference, sides, unfold
from convwright.bench.approximate_torch import form_of
from convwright.bench.problems import Problem
from convwright.bench.results import OURS, TORCHS
from convwright.bench.sides import FORMATS, Operands, Run
from convwright.functional import approx_conv2d
from convwright.nn import ApproxConv2d
from convwright.quantisation import calibrate_

# The product written out in PyTorch; that by torch.compile.
FORM, COMPILED_FORM = "unfold_nchw", "unfold_compile_nchw"
# Whose sums have the exact kernels' order, and not that of the reference.
_ANY_ORDER = ("exact", "transform")


def make_ours(problem: Problem, direction: str, operands: Operands) -> dict[str, Run]:
    """Convwright in both memory formats, each ready to be called inside `sides.mode`."""
    runs = {}
    for name, memory_format in FORMATS.items():
        own = sides.in_format(operands, memory_format)
        runs[f"{OURS}_{name}"] = _ours(problem, direction, own, memory_format)
    return runs


def _ours(problem: Problem, direction: str, t: Operands, memory_format: Any) -> Run:
    product = problem.product
    if direction in ("dgrad", "wgrad"):
        ops = ops_of(product.multiplier.text, product.number_format, None)
        run = getattr(ops, direction)
        return lambda: (run(t.grad_output, t.input, t.weight, *problem.geometry),)
    layer = _layer(problem, t, memory_format)
    if direction == "step":
        return sides.step(layer, t)
    if direction == "inference":
        return lambda: (layer(t.input),)
    how = {
        "multiplier": product.multiplier,
        "number_format": product.number_format,
        "quantisation": layer.quantisation,
    }
    return lambda: (approx_conv2d(t.input, t.weight, t.bias, *problem.geometry, **how),)


def _layer(problem: Problem, t: Operands, memory_format: Any) -> ApproxConv2d:
    product = problem.product
    how = {"multiplier": product.multiplier, "number_format": product.number_format}
    # Scales are no inference tensors: of those each call would have to look for changes.
    with torch.inference_mode(False), torch.no_grad():
        layer = sides.layer_of(partial(ApproxConv2d, **how), problem, t, memory_format)
        if not product.is_float:
            # int8 without zero points, as weights are; behind a ReLU uint8 has none either.
            calibrate_(layer, [t.input], symmetric=product.number_format == "int8")
    return layer


def make_form(
    problem: Problem, direction: str, operands: Operands, compiled: bool = False
) -> Run | None:
    """PyTorch's form; None where none is written: of most multipliers of floats, of zero points and
    of more groups than one."""
    t = sides.in_format(operands, torch.contiguous_format)
    *geometry, groups = problem.geometry
    form = form_of(problem.product.multiplier, problem.product.number_format, compiled)
    quantisation = _layer(problem, t, torch.contiguous_format).quantisation
    if form is None or groups > 1 or _has_zero_points(quantisation):
        return None
    if direction in ("dgrad", "wgrad"):
        run = getattr(unfold, direction)
        return lambda: (run(form, t.grad_output, t.input, t.weight, *geometry),)

    def convolve(input: Tensor, weight: Tensor) -> Tensor:
        return unfold.fprop(form, input, weight, None, *geometry)

    return _straight_through_side(problem, direction, t, convolve, quantisation)


def _has_zero_points(q: Quantisation | None) -> bool:
    return q is not None and bool(q.input_zero_point.any() or q.weight_zero_point.any())


def _straight_through_side(
    problem: Problem,
    direction: str,
    t: Operands,
    convolve: Callable[[Tensor, Tensor], Tensor],
    quantisation: Quantisation | None,
) -> Run:
    geometry, number_format = problem.geometry, problem.product.number_format

    class Layer(torch.nn.Conv2d):
        def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            if quantisation is None:
                output = _StraightThrough.apply(input, weight, convolve, geometry)
            else:
                q, column = quantisation, (-1, 1, 1, 1)
                a = _fake(input, q.input_scale, q.input_zero_point, number_format)
                zero_points = q.weight_zero_point.reshape(column)
                w = _fake(weight, q.weight_scale.reshape(column), zero_points, number_format)
                output = _StraightThrough.apply(a, w, convolve, geometry)
                output = output * (q.input_scale * q.weight_scale).reshape(-1, 1, 1)
            return output if bias is None else output + bias.reshape(-1, 1, 1)

    layer = sides.layer_of(Layer, problem, t, torch.contiguous_format)
    return sides.step(layer, t) if direction == "step" else lambda: (layer(t.input),)


def _fake(values: Tensor, scale: Tensor, zero_point: Tensor, number_format: str) -> Tensor:
    """The integers, less the zero point; backward goes through the rounding, not the clamp."""
    q = values / scale
    q = q + (q.round() - q).detach() + zero_point
    return q.clamp(*RANGES[number_format]) - zero_point


class _StraightThrough(Function):
    """convolve(input, weight) with the exact convolution's gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        weight: Tensor,
        convolve: Callable[[Tensor, Tensor], Tensor],
        geometry: Any,
    ) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.geometry = geometry
        return convolve(input, weight).to(input.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        stride, padding, dilation, groups = ctx.geometry
        grad_input, grad_weight, _ = torch.ops.aten.convolution_backward.default(
            *(grad_output, *ctx.saved_tensors, None, stride, padding, dilation),
            *(False, [0, 0], groups, [True, True, False]),
        )
        return grad_input, grad_weight, None, None


def check(problem: Problem, direction: str, operands: Operands, runs: dict[str, Run]) -> None:
    """Compare Convwright's sides, and PyTorch's form, with the scalar model.

    Convwright's results are equal to the bit: products and order of sums are the model's. Where the
    order is another, of gradients that are exact and in PyTorch's form, they are within the
    rounding of sums. Raises WrongAnswer.
    """
    expected = _expected(problem, direction, operands)
    near = sides.rounding(problem, direction, operands)
    kind = problem.product.multiplier.describe(problem.product.number_format).kind
    in_order = not problem.product.is_float or kind not in _ANY_ORDER
    equal = [0.0, *near[1:]] if in_order else near
    for name, run in runs.items():
        if not name.startswith(TORCHS):
            sides.compare(name, run, expected, equal if name.startswith(OURS) else near)


def _expected(problem: Problem, direction: str, t: Operands) -> list[Tensor]:
    product, geometry = problem.product, problem.geometry
    t = sides.in_format(t, torch.contiguous_format)
    # The models are of the CPU; scales are those of the layers that are timed.
    quantisation = _layer(problem, t, torch.contiguous_format).quantisation
    if quantisation is not None:
        values = (getattr(quantisation, field.name) for field in fields(quantisation))
        quantisation = Quantisation(*(value.cpu() for value in values))
    t = t.map(Tensor.cpu)
    model = {"multiplier": product.multiplier.text, "number_format": product.number_format}
    if direction in ("dgrad", "wgrad"):
        reference = getattr(approx_reference, direction)
        return [reference(t.grad_output, t.input, t.weight, *geometry, **model)]
    operands = t.input, t.weight, t.bias, *geometry
    if quantisation is None:
        found = approx_reference.fprop(*operands, **model)
    else:
        model |= {"multiplier": product.multiplier, "quantisation": quantisation}
        found = approx_reference.integer_fprop(*operands, **model)
    if direction != "step":
        return [found]

    def exact(input: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(input, weight, None, *geometry)

    _, *gradients = _straight_through_side(problem, direction, t, exact, quantisation)()
    return [found, *gradients]
