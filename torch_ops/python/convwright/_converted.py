# SPDX-License-Identifier: Apache-2.0
"""Dense bfloat16 and float16 on CPUs whose oneDNN has no kernels for them: by float32 kernels.

Operands are converted, sums are float32's, and the result is rounded once. Autograd converts the
gradients likewise; backward keeps the float32 copies of the operands.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from convwright import _trace


def by_float32(
    function: Callable[..., Tensor],
    direction: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *geometry: Any,
) -> Tensor:
    """function(input, weight, bias, *geometry) in float32, rounded to input's dtype."""
    _trace.note_converted(direction, input, weight)
    operands = [None if t is None else t.float() for t in (input, weight, bias)]
    return function(*operands, *geometry).to(input.dtype)
