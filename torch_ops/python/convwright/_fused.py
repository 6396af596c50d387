# SPDX-License-Identifier: Apache-2.0
"""The operators of kind `fused`: both steps in one kernel, the tensor between them never written.

    torch.ops.convwright.<form.fused_op>(
        Tensor input, Tensor pointwise, Tensor depthwise, Tensor? bias,
        int[2] stride, int[2] padding, int[2] dilation) -> Tensor

with input [N, Ci, H, W], pointwise [Co, Ci, 1, 1], depthwise [C, 1, Kh, Kw], bias [Co]; the output
is channels_last where input or a weight is. An operator library may lack them.
"""

import torch
from torch import Tensor

from convwright._ops import below_autograd
from convwright._separable_plan import Plan


def fused_fprop(
    plan: Plan, input: Tensor, pointwise: Tensor, depthwise: Tensor, bias: Tensor | None
) -> Tensor:
    """fprop of kind `fused`, without an autograd rule."""
    first, second = plan.in_order(pointwise, depthwise)
    if not plan.form.pointwise_first:
        first, second = second, first
    op = getattr(torch.ops.convwright, plan.form.fused_op)
    stride, padding, dilation, _ = plan.dense
    with below_autograd():
        return op(input, first, second, bias, stride, padding, dilation)
