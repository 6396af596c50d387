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


def by_rule_on_cuda(plan: Plan, with_grad: bool) -> Plan:
    """The same on a GPU, if the library has a kernel there that fuses the call."""
    if with_grad or plan.kind != "unfused" or not plan.form.pointwise_first:
        return plan
    fuses = _kinds.fuses_on_cuda(plan.dense_sizes[1])
    return plan._replace(kind="fused") if fuses else plan


def _fused_kernels(problem: str) -> str:
    """The CUDA kernels that fuse a forward problem; "" where there is none."""
    return torch.ops.convwright.fused_cuda_kernels(problem)


def _refuse_unless_fused(plan: Plan, problem: str) -> None:
    """Raises RuntimeError where no CUDA kernel computes what was forced."""
    if not _fused_kernels(problem):
        raise RuntimeError(
            f"kind 'fused' was forced, but the library has no CUDA kernel of {plan.form.fused_op} "
            f"that takes {problem}; use 'auto', 'unfused' or 'composed'."
        )


def _as_tuned(plan: Plan, problem: str, gpu: int) -> Plan | None:
    """The plan with the kind that was chosen for a GPU or, where that is -1, for the CPU."""
    kind, _, mark = torch.ops.convwright.tuned_kind(problem, gpu).partition(" ")
    return plan._replace(kind=kind, mark=mark) if kind else None


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
    gpu: int,
    with_grad: bool,
    forced_kind: str,
    generation: int,
) -> Plan:
    """The plan of an eager call on tensors of these sizes and strides; `strides` without the bias.

    gpu is the number of the one that holds the tensors, -1 where the CPU does. generation is that
    of _choices: a plan is kept as long as no choice changes. Raises as make_plan() does.
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
    on_cuda, is_empty = gpu >= 0, input.numel() == 0

    def problem(step: bool) -> str:
        return problem_text(plan, input, *weights, bias_size is not None, step)

    if forced_kind == "fused":
        if on_cuda and not is_empty:
            _refuse_unless_fused(plan, problem(step=False))
        return plan
    tuned = None if is_empty else _as_tuned(plan, problem(step=with_grad), gpu)
    if not on_cuda:
        channels_last = input.is_contiguous(memory_format=torch.channels_last)
        return tuned or by_rule(plan, input.shape[3], channels_last, with_grad)
    wanted = tuned or by_rule_on_cuda(plan, with_grad)
    fuses = wanted.kind == "fused" and not is_empty and _fused_kernels(problem(step=False))
    return wanted if fuses or wanted.kind != "fused" else plan
