# SPDX-License-Identifier: Apache-2.0
"""Whether a core works for this process alone just now.

What another hyperthread does on the same core, that of another virtual machine for one, takes up to
half of it for tenths of seconds to minutes, and not from all kernels alike: on a shared host a 1x1
convolution went between 1.18 and 0.74 times PyTorch's speed, and both were certain for minutes. A
fixed piece of interpreted work tells them apart: it took 49 us or 90, and seldom anything between.
"""

import math
import time
from collections.abc import Callable
from typing import TypeVar

Sample = TypeVar("Sample")

_WORK = range(3000)
_PAUSE = 2e-3  # seconds between two looks
# Times the shortest that the work was seen to take, up to which nobody else is at work.
DISTURBED = 1.3


class Probe:
    """Times the work around samples, and takes disturbed ones again as long as it has patience."""

    def __init__(self, clock: Callable[[], float], patience: float, shortest: float = 0) -> None:
        """`shortest` is what the work was seen to take before, 0 where it was not."""
        self._clock = clock
        self.patience = patience  # seconds
        self._shortest = shortest or math.inf

    def undisturbed(self, sample: Callable[[], Sample]) -> tuple[Sample, float]:
        """What `sample` returns, and the longer of what the work took before and after it."""
        while True:
            before = self._wait()
            start = time.monotonic()
            result = sample()
            longer = max(before, self._look())
            if self.is_calm(longer) or self.patience <= 0:
                return result, longer
            self.patience -= time.monotonic() - start

    def is_calm(self, seconds: float) -> bool:
        """Whether the work was done by the whole core, by what was seen until now."""
        return seconds <= DISTURBED * self._shortest

    def _look(self) -> float:
        start = self._clock()
        sum(_WORK)
        seconds = self._clock() - start
        self._shortest = min(self._shortest, seconds)
        return seconds

    def _wait(self) -> float:
        while not self.is_calm(seconds := self._look()) and self.patience > 0:
            time.sleep(_PAUSE)
            self.patience -= _PAUSE
        return seconds
