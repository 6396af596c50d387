# SPDX-License-Identifier: Apache-2.0
"""The kind that computes a call of two convolutions in a row: as forced, as tuned, or by rule."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch._prims_common import suggest_memory_format

from convwright import _kinds
from convwright._arguments import pad_far_side
from convwright._separable_plan import Form, Plan, make_plan

_DTYPES = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


def by_rule(plan: Plan, width: int, channels_last: bool, with_grad: bool) -> Plan:
    """The plan as it is without tuning; make_plan has chosen its kind by the sizes of the weights.

    On the CPU. Also for sizes that are symbols of a compiler.
    """
    if with_grad or plan.kind != "unfused":
        return plan
    fuses = _kinds.fuses(plan.form.pointwise_first, plan.dense_sizes[0], width, channels_last)
    return plan._replace(kind="fused") if fuses else plan


def _on_cuda(plan: Plan, problem: str, with_grad: bool, forced: bool) -> Plan:
    """The plan of a call on a GPU, whose weights or the user chose its kind.

    Raises RuntimeError if a kind is forced that no kernel computes.
    """
    accepts = bool(torch.ops.convwright.fused_cuda_kernels(problem))
    if forced and not accepts:
        raise RuntimeError(
            f"kind 'fused' was forced, but the library has no CUDA kernel of {plan.form.fused_op} "
            f"that takes {problem}; use 'auto', 'unfused' or 'composed'."
        )
    may_fuse = plan.kind == "unfused" and not with_grad and accepts
    if may_fuse and _kinds.fuses_on_cuda(plan.dense_sizes[1]):
        return plan._replace(kind="fused")
    return plan


def problem_text(
    plan: Plan, input: Tensor, pointwise: Tensor, depthwise: Tensor, has_bias: bool, step: bool
) -> str:
    """The problem string of a call; with `step` of forward and the backward that follows.

    Of the tensors only sizes, strides and dtype matter: they may be on the device "meta".
    """
    formats = map(suggest_memory_format, (input, *plan.in_order(pointwise, depthwise)))
    channels_last = torch.channels_last in formats
    memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def sizes_only(sizes: tuple[int, ...]) -> Tensor:
        return torch.empty(sizes, device="meta", memory_format=memory_format)

    problem = torch.ops.convwright.problem(
        sizes_only(input.shape), sizes_only(plan.dense_sizes), has_bias, *plan.dense, "fprop"
    )
    problem = problem.replace("_f32_", f"_{_DTYPES.get(input.dtype, 'other')}_")
    return plan.form.op + ":" + (problem.replace("fprop_", "step_", 1) if step else problem)


@lru_cache(maxsize=4096, typed=True)  # typed: a stride of 1.0 must not find the plan of 1
def settled_plan(
    form: Form,
    input_size: Sequence[int],
    pointwise_size: Sequence[int],
    depthwise_size: Sequence[int],
    bias_size: Sequence[int] | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    strides: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    dtype: torch.dtype,
    on_cuda: bool,
    with_grad: bool,
    forced_kind: str,
    generation: int,
) -> Plan:
    """The plan of an eager call on tensors of these sizes and strides; `strides` without the bias.

    generation is that of _choices: a plan is kept as long as no choice changes. Raises as
    make_plan() does.
    """
    sizes = input_size, pointwise_size, depthwise_size
    plan = make_plan(form, *sizes, bias_size, stride, padding, dilation, forced_kind)
    if forced_kind not in ("auto", "fused"):
        return plan
    input, *weights = (
        torch.empty_strided(size, stride, dtype=dtype, device="meta")
        for size, stride in zip(sizes, strides, strict=True)
    )
    input = pad_far_side(input, plan.far_side)
    if input.dim() == 3:
        input = input.unsqueeze(0)
    channels_last = input.is_contiguous(memory_format=torch.channels_last)
    forced = forced_kind == "fused"
    if forced and not on_cuda:
        return plan
    if input.numel() > 0:
        step = with_grad and not on_cuda  # a GPU is asked for a kernel of the forward pass
        problem = problem_text(plan, input, *weights, bias_size is not None, step)
        if on_cuda:
            return _on_cuda(plan, problem, with_grad, forced)
        kind, _, mark = torch.ops.convwright.tuned_kind(problem).partition(" ")
        if kind:
            return plan._replace(kind=kind, mark=mark)
    return by_rule(plan, input.shape[3], channels_last, with_grad)
