# SPDX-License-Identifier: Apache-2.0
"""What `explain` is told of an approximate call."""

from typing import Any

import torch
from torch import Tensor

from convwright import _trace
from convwright._approx_settings import Settings


def note(
    direction: str,
    settings: Settings,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    geometry: Any,
) -> None:
    """Record a call as `..._mbm` or `..._mbm_int8`, by its engine; does nothing unless recording.

    The operators' own lines follow: the kernels, and for gradients those of the exact operators.
    """
    if not _trace.active or torch.compiler.is_compiling():
        return
    with torch.no_grad():
        problem = torch.ops.convwright.problem(
            input.detach(), weight.detach(), bias is not None, *geometry, direction
        )
    description = settings.multiplier.describe(settings.number_format)
    multiplier, number_format = settings.text.replace(" ", ""), settings.number_format
    product = multiplier if number_format == "float32" else f"{multiplier}_{number_format}"
    how = f"multiplier:{multiplier},format:{number_format},backward:{settings.backward}"
    _trace.note_kernel(f"{problem}_{product}", description.engine, how, input.device)
