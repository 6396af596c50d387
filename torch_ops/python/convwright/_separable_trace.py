# SPDX-License-Identifier: Apache-2.0
"""The row of `explain` for a pointwise and a depthwise convolution in a row: kind and fate of z."""

import torch
from torch import Tensor

from convwright import _trace
from convwright._choices import FASTER, FASTER_STEP
from convwright._eligibility import PLAIN_TYPES
from convwright._separable_choice import problem_text
from convwright._separable_plan import Plan
from convwright._trace import Row

# Keyed by kind and by whether backward follows.
_SCHEDULES = {
    ("unfused", False): "z:written",
    ("unfused", True): "z:saved",
    ("composed", False): "weight:composed",
    ("composed", True): "weight:composed,saved",
    ("fused", False): "z:none",
    ("fused", True): "z:recomputed",
}
_OF_STEPS = {schedule for (_, with_grad), schedule in _SCHEDULES.items() if with_grad}
_TUNED = " (tuned)"


def note_plan(
    plan: Plan,
    input: Tensor,
    pointwise: Tensor,
    depthwise: Tensor,
    bias: Tensor | None,
    with_grad: bool,
) -> None:
    """Record that the plan is about to run on these tensors; nothing for a compiler's tensors."""
    if type(input) not in PLAIN_TYPES:
        return
    problem = problem_text(plan, input, pointwise, depthwise, bias is not None, step=False)
    if plan.kind == "pytorch":
        reason = FASTER_STEP if with_grad else FASTER
        torch.ops.convwright.trace_note(f"{problem}\tPyTorch\t{reason}")
        return
    schedule = _SCHEDULES[plan.kind, with_grad] + (_TUNED if plan.tuned else "")
    _trace.note_kernel(problem, plan.kind, schedule, input.device)


def tuned_problem(row: Row) -> str:
    """What tuning asks about for a row of note_plan(): a step where backward follows."""
    step = row.schedule.removesuffix(_TUNED) in _OF_STEPS or row.reason == FASTER_STEP
    return row.problem.replace(":fprop_", ":step_", 1) if step else row.problem
