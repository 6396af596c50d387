# SPDX-License-Identifier: Apache-2.0
"""Gradients of a pointwise and a depthwise convolution in a row, for each kind.

`ops` says how the directions of conv2d are called, as in `_formulas.py`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch._prims_common import suggest_memory_format

from convwright._formulas import Ops
from convwright._functions import transform_active
from convwright._ops import BELOW_AUTOGRAD, chain_backward, weighted_sum_dgrad
from convwright._separable_plan import Plan

_dispatch_modes = torch._C._len_torch_dispatch_stack


def dense_weight(plan: Plan, pointwise: Tensor, depthwise: Tensor) -> Tensor:
    """W[co,ci,ky,kx] = pointwise[co,ci] * depthwise[.,ky,kx], channels_last where either is."""
    first, second = plan.in_order(pointwise, depthwise)
    # [Co, Ci, 1, 1] * [Co, 1, Kh, Kw], or [1, Ci, Kh, Kw] * [Co, Ci, 1, 1].
    weight = (first if plan.form.pointwise_first else first.transpose(0, 1)) * second
    # vmap knows no memory formats, and there none is promised.
    if not transform_active() and _channels_last(first, second):
        weight = weight.contiguous(memory_format=torch.channels_last)
    return weight


def _channels_last(a: Tensor, b: Tensor) -> bool:
    """Whether either is, so that a convolution of the two gives a tensor that is."""
    return torch.channels_last in (suggest_memory_format(a), suggest_memory_format(b))


def gradients(
    ops: Ops,
    plan: Plan,
    needed: Sequence[bool],
    grad_output: Tensor,
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    kept: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """Gradients of input, pointwise, depthwise and bias, of those that are `needed`.

    kept is forward_pass's second result; where it is None, it is made again by `ops`. The weights'
    gradients have 4 dimensions.
    """
    grad_bias = grad_output.sum((0, 2, 3)) if needed[3] else None
    of = _composed_gradients if plan.kind == "composed" else _chain_gradients
    return *of(ops, plan, needed, grad_output, input, pointwise, depthwise, kept), grad_bias


def _chain_gradients(
    ops: Ops,
    plan: Plan,
    needed: Sequence[bool],
    grad_output: Tensor,
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    z: Tensor | None,
) -> tuple[Tensor | None, ...]:
    needs_input = needed[0]
    needs_first, needs_second = needed[1:3] if plan.form.pointwise_first else needed[2:0:-1]
    first, second = plan.in_order(pointwise, depthwise)
    grad_input = grad_first = grad_second = None
    if z is None and needs_second:
        z = ops.fprop(input, first, None, *plan.first)
    elif z is None and any(needed[:3]):
        z = _like_z(plan, grad_output, input, first)
    plain = ops is BELOW_AUTOGRAD and not _dispatch_modes()
    if plain and all(needed[:3]):
        grad_input, *weights = chain_backward(
            grad_output, input, z, first, second, plan.first, plan.second
        )
        return grad_input, *(weights if plan.form.pointwise_first else reversed(weights))
    if plain and needs_input and plan.form.pointwise_first:
        grad_input, grad_z = weighted_sum_dgrad(
            grad_output, input, z, first, second, plan.second, needs_first
        )
        if needs_first:
            grad_first = ops.wgrad(grad_z, input, first, *plan.first)
    elif needs_input or needs_first:
        grad_z = ops.dgrad(grad_output, z, second, *plan.second)
        if needs_input:
            grad_input = ops.dgrad(grad_z, input, first, *plan.first)
        if needs_first:
            grad_first = ops.wgrad(grad_z, input, first, *plan.first)
    if needs_second:
        grad_second = ops.wgrad(grad_output, z, second, *plan.second)
    weights = (grad_first, grad_second)
    return grad_input, *(weights if plan.form.pointwise_first else reversed(weights))


def _like_z(plan: Plan, grad_output: Tensor, input: Tensor, first: Tensor) -> Tensor:
    """Stands for z where only its sizes and strides count: its values are nobody's."""
    rows_and_columns = input if plan.form.pointwise_first else grad_output
    sizes = input.shape[0], first.shape[0], *rows_and_columns.shape[2:]
    # vmap knows no memory formats.
    channels_last = not transform_active() and _channels_last(input, first)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    return torch.empty(sizes, dtype=input.dtype, device=input.device, memory_format=memory_format)


def _composed_gradients(
    ops: Ops,
    plan: Plan,
    needed: Sequence[bool],
    grad_output: Tensor,
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    weight: Tensor | None,
) -> tuple[Tensor | None, ...]:
    needs_input, needs_pointwise, needs_depthwise = needed[:3]
    grad_input = grad_pointwise = grad_depthwise = None
    if weight is None and any(needed[:3]):
        weight = dense_weight(plan, pointwise, depthwise)
    first, second = plan.in_order(pointwise, depthwise)
    if needs_input:
        grad_input = ops.dgrad(grad_output, input, weight, *plan.dense)
        # The format is the first convolution's, whatever the second weight's.
        if not transform_active() and not _channels_last(input, first):
            grad_input = grad_input.contiguous()
    if needs_pointwise or needs_depthwise:
        grad_weight = ops.wgrad(grad_output, input, weight, *plan.dense)
        pointwise_first = plan.form.pointwise_first
        pointwise, depthwise = (first, second) if pointwise_first else (second, first)
        if needs_pointwise:
            taps = depthwise if pointwise_first else depthwise.transpose(0, 1)
            grad_pointwise = (grad_weight * taps).sum((2, 3), keepdim=True)
        if needs_depthwise:
            products = grad_weight * pointwise
            grad_depthwise = (
                products.sum(1, keepdim=True)
                if pointwise_first
                else products.sum(0, keepdim=True).transpose(0, 1)
            )
    return grad_input, grad_pointwise, grad_depthwise
