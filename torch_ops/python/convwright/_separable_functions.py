# SPDX-License-Identifier: Apache-2.0
"""Ways to run a pointwise and a depthwise convolution in a row.

`separable_eager` and `forward_pass` are for plain eager float32 tensors. `composition` is the same
sum made of differentiable convolutions, for everything else.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from convwright._functions import DIFFERENTIABLE, transform_active
from convwright._fused import fused_fprop
from convwright._ops import BELOW_AUTOGRAD, below_autograd, chain_fprop, fprop_eager
from convwright._separable_formulas import dense_weight, gradients
from convwright._separable_plan import Plan


def forward_pass(
    plan: Plan, input: Tensor, pointwise: Tensor, depthwise: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """The output, and what backward can use again: z if unfused, the dense weight if composed."""
    if plan.kind == "fused":
        with below_autograd():
            return fused_fprop(plan, input, pointwise, depthwise, bias), None
    if plan.kind == "composed":
        weight = dense_weight(plan, pointwise, depthwise)
        return fprop_eager(input, weight, bias, *plan.dense), weight
    first, second = plan.in_order(pointwise, depthwise)
    return chain_fprop(input, first, second, bias, plan.first, plan.second)


class _Eager(Function):
    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        pointwise: Tensor,
        depthwise: Tensor,
        bias: Tensor | None,
        plan: Plan,
    ) -> Tensor:
        output, kept = forward_pass(plan, input, pointwise, depthwise, bias)
        ctx.save_for_backward(input, pointwise, depthwise, kept)
        ctx.plan = plan
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        input, pointwise, depthwise, kept = ctx.saved_tensors
        # Grad mode is on in a backward with create_graph: then the gradients carry graphs, and so
        # must what forward kept.
        plain = not torch.is_grad_enabled() and not transform_active()
        ops, kept = (BELOW_AUTOGRAD, kept) if plain else (DIFFERENTIABLE, None)
        grad_input, grad_pointwise, grad_depthwise, grad_bias = gradients(
            ops, ctx.plan, ctx.needs_input_grad, grad_output, input, pointwise, depthwise, kept
        )
        return (
            grad_input,
            _like(grad_pointwise, pointwise, plain),
            _like(grad_depthwise, depthwise, plain),
            grad_bias,
            None,
        )


# As in _functions.py: the caller has ruled out what Function.apply looks for.
separable_eager = super(Function, _Eager).apply


def _like(grad: Tensor | None, parameter: Tensor, plain: bool) -> Tensor | None:
    """grad in the shape of the parameter and, in plain eager mode, with its strides."""
    if grad is None or (grad.shape == parameter.shape and grad.stride() == parameter.stride()):
        return grad
    grad = grad.reshape(parameter.shape)  # which also makes strides of dimensions of one usual
    # torch.autograd.grad(is_grads_batched=True) is a transform of its own kind.
    plain = plain and not torch._C._functorch.is_legacy_batchedtensor(grad)
    if not plain or grad.stride() == parameter.stride():
        return grad
    return torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(grad)


def composition(
    plan: Plan,
    conv2d: Callable[..., Tensor],
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """The same sum by calls of a differentiable conv2d; kind is `unfused` or `composed`."""
    if plan.kind == "composed":
        return conv2d(input, dense_weight(plan, pointwise, depthwise), bias, *plan.dense)
    first, second = plan.in_order(pointwise, depthwise)
    z = conv2d(input, first, None, *plan.first)
    return conv2d(z, second, bias, *plan.second)
