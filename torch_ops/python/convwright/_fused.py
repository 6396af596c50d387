# SPDX-License-Identifier: Apache-2.0
"""The operators of kind `fused`: both steps in one kernel, the tensor between them never written.

    torch.ops.convwright.<form.fused_op>(
        Tensor input, Tensor pointwise, Tensor depthwise, Tensor? bias,
        int[2] stride, int[2] padding, int[2] dilation) -> Tensor

with input [N, Ci, H, W], pointwise [Co, Ci, 1, 1], depthwise [C, 1, Kh, Kw] and bias [Co] of any
strides; the output is channels_last where input or a weight is. An operator library may lack them.
Python adds the fake kernel and the autograd rule.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from convwright._ops import RAW
from convwright._separable_formulas import gradients
from convwright._separable_plan import DEPTHWISE_SEPARABLE, WEIGHTED_SUM, Form, Plan, make_plan


def fused_fprop(
    plan: Plan, input: Tensor, pointwise: Tensor, depthwise: Tensor, bias: Tensor | None
) -> Tensor:
    """The operator, through the whole dispatcher."""
    first, second = plan.in_order(pointwise, depthwise)
    weights = (first, second) if plan.form.pointwise_first else (second, first)
    op = getattr(torch.ops.convwright, plan.form.fused_op)
    return op(input, *weights, bias, *plan.dense[:3])


def register(form: Form) -> None:
    """Give the operator of `form`, if the library has it, its fake kernel and its autograd rule."""
    name = f"convwright::{form.fused_op}"
    if not hasattr(torch.ops.convwright, form.fused_op) or (
        torch._C._dispatch_has_kernel_for_dispatch_key(name, "Autograd")
    ):
        return
    torch.library.register_fake(name, partial(_fake, form))
    torch.library.register_autograd(name, partial(_backward, form), setup_context=_save)


def _plan(form: Form, *inputs: Any) -> Plan:
    input, pointwise, depthwise, bias, *geometry = inputs
    sizes = input.shape, pointwise.shape, depthwise.shape, None if bias is None else bias.shape
    return make_plan(form, *sizes, *geometry, "fused")


def _fake(form: Form, *inputs: Any) -> Tensor:
    plan = _plan(form, *inputs)
    input, pointwise, depthwise, bias, *_ = inputs
    first, second = plan.in_order(pointwise, depthwise)
    z = RAW.fprop(input, first, None, *plan.first)
    return RAW.fprop(z, second, bias, *plan.second)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    input, pointwise, depthwise, _, *ctx.geometry = inputs
    ctx.save_for_backward(input, pointwise, depthwise)


def _backward(form: Form, ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    tensors = ctx.saved_tensors
    plan = _plan(form, *tensors, None, *ctx.geometry)
    needed = ctx.needs_input_grad
    return *gradients(RAW, plan, needed, grad_output, *tensors, None), None, None, None


for _form in (WEIGHTED_SUM, DEPTHWISE_SEPARABLE):
    register(_form)
