# SPDX-License-Identifier: Apache-2.0
"""Interleaved timing: which clock, how often, and what is made of the samples."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from convwright import _memory

MIN_ROUNDS, MAX_ROUNDS = 7, 50
# A sample lasts at least this long, so that reading the clock (0.3 us) does not count: a fast side
# is called several times in a row, except with cold caches.
_SHORTEST_SAMPLE = 300e-6  # seconds
_MOST_CALLS = 1000
# Half the interval, as a share of the median, from which a row says that it is not to be trusted.
WIDE_SPREAD = 0.25
# Processor time of the process beyond that of the timed thread, as a share of it: more is work in
# threads that should not be there, or another library's threads that have not gone to sleep yet.
HIDDEN_WORK = 0.1

Clock = Callable[[], float]
Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Samples:
    """Seconds a call."""

    p20: float
    median: float
    p80: float
    best: float
    rounds: int
    calls: int  # in a sample

    @property
    def spread(self) -> float:
        """Half the width of the interval, as a share of the median."""
        return (self.p80 - self.p20) / 2 / self.median


@dataclass(frozen=True)
class Timing:
    sides: dict[str, Samples]
    hidden: dict[str, float]  # share of processor time outside the timed thread, above HIDDEN_WORK


def clock_for(threads: int) -> Clock:
    """One thread: processor time of this thread, which other programs hardly disturb. The process's
    own would count the threads of other libraries, which wait in a busy loop for some seconds after
    they start. Several threads: wall time, which needs an idle machine."""
    return time.thread_time if threads == 1 else time.perf_counter


def clock_name(threads: int) -> str:
    return "processor time of the thread" if threads == 1 else "wall time"


def verdict(ours: Samples, theirs: Samples) -> str:
    """FAST or SLOW where the intervals from p20 to p80 are apart, else AMBG (within the noise)."""
    if ours.p80 < theirs.p20:
        return "FAST"
    return "SLOW" if ours.p20 > theirs.p80 else "AMBG"


def measure(
    sides: dict[str, Callable[[], object]],
    threads: int,
    seconds: float,
    flush: Callable[[], None] | None = None,
    settle: Callable[[], object] | None = None,
    switch: Callable[[str], object] | None = None,
) -> Timing:
    """Time the sides in turn, as `interleaved` says.

    `flush` empties the caches before each call; `settle` waits, before each sample, for what calls
    have left running; `switch`, before those, makes the process what the side is to run in.
    """
    clock = clock_for(threads)
    calls = {}
    for name, run in sides.items():
        if switch:
            switch(name)
        calls[name] = 1 if flush else _calls_needed(run, clock)

    def sample(name: str) -> tuple[float, float]:
        if switch:
            switch(name)

        def once() -> tuple[float, float]:
            if flush:
                flush()
            if settle:
                settle()
            return _sample(sides[name], calls[name], clock)

        return _memory.on_present_memory(once)

    taken = interleaved(list(sides), seconds, sample)
    counted = {name: np.array(samples) for name, samples in taken.items()}
    return Timing(
        {name: summary(samples[:, 0], calls[name]) for name, samples in counted.items()},
        _hidden(counted) if threads == 1 else {},
    )


def interleaved(
    names: list[str], seconds: float, sample: Callable[[str], Sample]
) -> dict[str, list[Sample]]:
    """Samples of each name in turn, in rounds, until `seconds` of wall time are used up.

    At least MIN_ROUNDS, at most MAX_ROUNDS count; one round before is dropped.
    """
    taken: dict[str, list[Sample]] = {name: [] for name in names}
    # Shuffled, or each side would always meet what the same other side has left in the caches.
    order, shuffle = list(names), random.Random(0).shuffle
    deadline = time.monotonic() + seconds
    for finished in range(MAX_ROUNDS + 1):
        if finished > MIN_ROUNDS and time.monotonic() > deadline:
            break
        shuffle(order)
        for name in order:
            taken[name].append(sample(name))
    return {name: samples[1:] for name, samples in taken.items()}


def _calls_needed(run: Callable[[], object], clock: Clock) -> int:
    run()
    start = clock()
    run()
    once = max(clock() - start, 1e-9)
    return max(1, min(_MOST_CALLS, int(_SHORTEST_SAMPLE / once)))


def _sample(run: Callable[[], object], calls: int, clock: Clock) -> tuple[float, float]:
    """Seconds a call by the clock, and by the processor time of the whole process."""
    process_start = time.process_time()
    start = clock()
    for _ in range(calls):
        run()
    end = clock()
    return (end - start) / calls, (time.process_time() - process_start) / calls


def summary(seconds: Sequence[float], calls: int) -> Samples:
    p20, median, p80 = (float(p) for p in np.percentile(seconds, (20, 50, 80)))
    return Samples(p20, median, p80, float(min(seconds)), len(seconds), calls)


def _hidden(counted: dict[str, np.ndarray]) -> dict[str, float]:
    # The medians: other threads that are busy once in a while touch few samples.
    shares = {
        name: float(np.median(samples[:, 1]) / np.median(samples[:, 0]) - 1)
        for name, samples in counted.items()
    }
    return {name: share for name, share in shares.items() if share > HIDDEN_WORK}


def cache_flush(last_level_bytes: int) -> Callable[[], None]:
    """Writes more memory than the caches hold, by PyTorch's threads."""
    return _memory.cache_flush(max(64 << 20, 2 * last_level_bytes))
