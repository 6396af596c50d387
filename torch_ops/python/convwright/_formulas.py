# SPDX-License-Identifier: Apache-2.0
"""Derivatives and vmap rules of conv2d's three directions, written once.

With x input, w weight, y output and geometry = (stride, padding, dilation, groups):

    fprop(x, w, b, *geometry) -> y          y = x * w + b
    dgrad(gy, x, w, *geometry) -> gx        linear in gy and w; of x only sizes and strides count
    wgrad(gy, x, w, *geometry) -> gw        linear in gy and x; of w only sizes and strides count

<fprop(x, w), gy> = <x, dgrad(gy, w)> = <w, wgrad(gy, x)> is one trilinear form, so the
derivative of each direction is another of the three: derivatives of any order exist.

`ops` says how the directions are called (see `_ops.py`), so that the same formulas serve plain
backward, double backward, torch.compile and torch.func.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

NO_GRADS_FOR_GEOMETRY = (None, None, None, None)


class Ops(NamedTuple):
    """One way of calling the three directions."""

    fprop: Callable[..., Tensor]
    dgrad: Callable[..., Tensor]
    wgrad: Callable[..., Tensor]


def fprop_backward(ops: Ops, ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    input, weight, *_ = ctx.saved_tensors
    needs_input, needs_weight, needs_bias, *_ = ctx.needs_input_grad
    return (
        ops.dgrad(grad_output, input, weight, *ctx.geometry) if needs_input else None,
        ops.wgrad(grad_output, input, weight, *ctx.geometry) if needs_weight else None,
        grad_output.sum((0, 2, 3)) if needs_bias else None,
        *NO_GRADS_FOR_GEOMETRY,
    )


def dgrad_backward(ops: Ops, ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    grad_output, _, weight = ctx.saved_tensors
    needs_grad_output, _, needs_weight, *_ = ctx.needs_input_grad
    return (
        ops.fprop(grad, weight, None, *ctx.geometry) if needs_grad_output else None,
        None,
        ops.wgrad(grad_output, grad, weight, *ctx.geometry) if needs_weight else None,
        *NO_GRADS_FOR_GEOMETRY,
    )


def wgrad_backward(ops: Ops, ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    grad_output, input, _ = ctx.saved_tensors
    needs_grad_output, needs_input, *_ = ctx.needs_input_grad
    return (
        ops.fprop(input, grad, None, *ctx.geometry) if needs_grad_output else None,
        ops.dgrad(grad_output, input, grad, *ctx.geometry) if needs_input else None,
        None,
        *NO_GRADS_FOR_GEOMETRY,
    )


def fprop_jvp(
    ops: Ops, ctx: Any, t_input: Tensor | None, t_weight: Tensor | None, t_bias: Tensor | None
) -> Tensor:
    input, weight = ctx.saved_tensors
    terms = []
    if t_input is not None:
        terms.append(ops.fprop(t_input, weight, None, *ctx.geometry))
    if t_weight is not None:
        terms.append(ops.fprop(input, t_weight, None, *ctx.geometry))
    if t_bias is not None:
        terms.append(t_bias[:, None, None].expand(ctx.output_shape))
    return sum(terms[1:], start=terms[0])


def dgrad_jvp(
    ops: Ops, ctx: Any, t_grad_output: Tensor | None, _: Tensor | None, t_weight: Tensor | None
) -> Tensor:
    grad_output, input, weight = ctx.saved_tensors
    terms = []
    if t_grad_output is not None:
        terms.append(ops.dgrad(t_grad_output, input, weight, *ctx.geometry))
    if t_weight is not None:
        terms.append(ops.dgrad(grad_output, input, t_weight, *ctx.geometry))
    return sum(terms[1:], start=terms[0]) if terms else input.new_zeros(()).expand_as(input)


def wgrad_jvp(
    ops: Ops, ctx: Any, t_grad_output: Tensor | None, t_input: Tensor | None, _: Tensor | None
) -> Tensor:
    grad_output, input, weight = ctx.saved_tensors
    terms = []
    if t_grad_output is not None:
        terms.append(ops.wgrad(t_grad_output, input, weight, *ctx.geometry))
    if t_input is not None:
        terms.append(ops.wgrad(grad_output, t_input, weight, *ctx.geometry))
    return sum(terms[1:], start=terms[0]) if terms else weight.new_zeros(()).expand_as(weight)
