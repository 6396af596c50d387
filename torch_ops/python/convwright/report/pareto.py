# SPDX-License-Identifier: Apache-2.0
"""The points of several costs that no other point beats."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def pareto_front(points: Sequence[T], costs: Callable[[T], tuple[float, ...]]) -> list[T]:
    """Those that no other equals or beats in every cost and beats in one; less is better. By rising
    first cost."""

    def beaten(point: T) -> bool:
        own = costs(point)
        return any(
            all(a <= b for a, b in zip(costs(other), own, strict=True)) and costs(other) != own
            for other in points
        )

    return sorted((point for point in points if not beaten(point)), key=costs)
