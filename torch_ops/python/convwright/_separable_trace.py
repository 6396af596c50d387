# SPDX-License-Identifier: Apache-2.0
"""The row of `explain` for a pointwise and a depthwise convolution in a row: kind and fate of z."""

import torch
from torch import Tensor
from torch._prims_common import suggest_memory_format

from convwright import _trace
from convwright._eligibility import PLAIN_TYPES
from convwright._separable_plan import Plan

# Keyed by kind and by whether backward follows.
_SCHEDULES = {
    ("unfused", False): "z:written",
    ("unfused", True): "z:saved",
    ("composed", False): "weight:composed",
    ("composed", True): "weight:composed",
    ("fused", False): "z:none",
    ("fused", True): "z:recomputed",
}
_DTYPES = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


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
    formats = map(suggest_memory_format, (input, *plan.in_order(pointwise, depthwise)))
    channels_last = torch.channels_last in formats
    memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def sizes_only(sizes: tuple[int, ...]) -> Tensor:
        return torch.empty(sizes, device="meta", memory_format=memory_format)

    problem = torch.ops.convwright.problem(
        sizes_only(input.shape),
        sizes_only(plan.dense_sizes),
        bias is not None,
        *plan.dense,
        "fprop",
    )
    problem = problem.replace("_f32_", f"_{_DTYPES.get(input.dtype, 'other')}_")
    schedule = _SCHEDULES[plan.kind, with_grad]
    _trace.note_kernel(f"{plan.form.op}:{problem}", plan.kind, schedule, input.device)
