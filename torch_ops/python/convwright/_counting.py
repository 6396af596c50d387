# SPDX-License-Identifier: Apache-2.0
"""What `convwright.flops` is told of a convolution that PyTorch sees as many operations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor

Count = Callable[[Tensor, Tensor, Tensor | None, str], None]  # output, weight, bias, multiplier

# Read by the layers; while a count is under way, what it is told of.
count: Count | None = None
# While True, PyTorch's own operations are parts of one that is counted as a whole.
inside_one = False


@contextmanager
def as_one(multiplier: str) -> Iterator[Callable[[Tensor, Tensor, Tensor | None], None]]:
    """Inside, nothing is counted but the convolution that the function given is told of."""
    global inside_one
    if count is None:
        yield lambda *_: None
        return
    inside_one = True
    try:
        yield lambda output, weight, bias: count(output, weight, bias, multiplier)
    finally:
        inside_one = False
