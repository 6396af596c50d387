# SPDX-License-Identifier: Apache-2.0
"""Time candidates of one problem and PyTorch side by side, through the operators.

A candidate that cannot run is left out. Passes and convolutions that are not what the job is about
run as they were tuned.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import torch

from convwright import _calm, _choices, _memory
from convwright._subjects import bytes_of, call_of

_LEAST_MEMORY, _MOST_MEMORY = 16 << 20, 768 << 20  # bytes
_SHORTEST = 50e-6  # of a sample; shorter calls are repeated
# Of a call from which a cold sample may plan as well: that takes less than 100 us, 0.5 % of it.
_LONG = 20e-3
# Rounds that a comparison needs to be certain of anything (autotune/paired_times.h).
_ENOUGH = 6
_Times = dict[str, dict[str, list[float]]]


class _Sample(NamedTuple):
    """Seconds of a call with warm and with cold caches."""

    seconds: float
    cold: float  # NaN: it was not timed so


def _samples(
    calls: dict[str, Callable[[], Any]], choose: Callable[[str], None], job: dict[str, Any]
) -> _Times:
    """Seconds of each call with warm and with cold caches, in rounds of a sample of both, and what
    `_calm` saw in each round; the first round is dropped, and disturbed ones where enough remain.
    """
    # Processor time of one thread, which other processes disturb less than wall time; the process's
    # would count threads of other libraries.
    clock = time.thread_time if job["threads"] == 1 else time.perf_counter
    probe = _calm.Probe(clock, job["seconds"], job["probe_seconds"])
    flush = _memory.cache_flush(job["flush_bytes"]) if job["flush_bytes"] else None
    rounds: list[tuple[float, dict[str, _Sample]]] = []
    repeats = dict.fromkeys(calls, 1)
    long = set()
    end = time.monotonic() + job["seconds"]
    for round_ in range(job["most"] + 1):
        if round_ > job["least"] and time.monotonic() > end:
            break
        taken, looks = {}, []
        for name, call in calls.items():
            choose(name)
            if name not in long:
                call()  # plans anew
            sample = partial(_sample, call, repeats[name], flush, clock)
            taken[name], look = probe.undisturbed(partial(_memory.on_present_memory, sample))
            looks.append(look)
            if round_ > 0:
                continue
            if taken[name].seconds > _LONG:
                long.add(name)
            elif taken[name].seconds < _SHORTEST:
                repeats[name] = int(_SHORTEST / max(taken[name].seconds, 1e-8)) + 1
        if round_ > 0:
            rounds.append((max(looks), taken))
    calm = [round_ for round_ in rounds if probe.is_calm(round_[0])]
    kept = calm if len(calm) >= _ENOUGH else rounds
    return {
        name: {
            "seconds": [taken[name].seconds for _, taken in kept],
            "cold_seconds": [taken[name].cold for _, taken in kept if flush],
            "probe_seconds": [look for look, _ in kept],
        }
        for name in calls
    }


def _sample(
    call: Callable[[], Any],
    repeats: int,
    flush: Callable[[], None] | None,
    clock: Callable[[], float],
) -> _Sample:
    cold = math.nan
    if flush:
        flush()
        cold = _timed(call, 1, clock)
    return _Sample(_timed(call, repeats, clock), cold)


def _timed(call: Callable[[], Any], repeats: int, clock: Callable[[], float]) -> float:
    """Seconds of a call."""
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def compare(job: dict[str, Any]) -> _Times:
    """{candidate: "seconds", "cold_seconds", "probe_seconds" of each round} of those that run.

    Caches are cold where `flush_bytes` were written before the call, else warm by the same call.
    The last of the three are those of `_calm`, the same for all; the job has the shortest that were
    seen before, or 0. Waiting for calm rounds takes up to `seconds` more.
    """
    torch.set_num_threads(job["threads"])
    artifacts = {c["candidate"]: c["artifact"] for c in job["contestants"]}

    def choose(candidate: str) -> None:
        _choices.choose(job["problem"], candidate, artifacts.get(candidate, ""), job["phase"])

    if job["phase"] >= 0:
        # Where PyTorch is in use for all passes together, its time would be that of each candidate.
        with suppress(RuntimeError):  # it is no problem of passes
            _choices.choose(job["problem"], "passes", phase=_choices.WHOLE_PROBLEM)
    call = call_of(job["problem"])
    # Results and what is made on the way: else it is chance which candidate gets fresh pages.
    _memory.keep_freed_memory(min(4 * bytes_of(job["problem"]) + _LEAST_MEMORY, _MOST_MEMORY))
    calls = {}
    for candidate in artifacts:
        try:
            choose(candidate)
            call()
        except RuntimeError:
            continue
        calls[candidate] = call
    return _samples(calls, choose, job) if calls else {}
