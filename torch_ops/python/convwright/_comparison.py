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

from convwright import _calm, _choices, _gpu_comparison, _memory
from convwright._subjects import bytes_of, call_of

_LEAST_MEMORY, _MOST_MEMORY = 16 << 20, 256 << 20  # bytes
# Times are of tensors in so many places: by where their pages lie, which the system decides, a
# dgrad with stride 2 took 1.2 ms or 2.2 in whole processes.
_PLACES = 3
_SHORTEST = 50e-6  # of a sample; shorter calls are repeated
# Of a call from which a cold sample may plan as well: that takes less than 100 us, 0.5 % of it.
_LONG = 20e-3
# Rounds that a comparison needs to be certain of anything (autotune/paired_times.h).
_ENOUGH = 6
_Times = dict[str, dict[str, list[float]]]


class _Sample(NamedTuple):
    """Seconds of a call with warm and with cold caches."""

    seconds: float
    cold: float  # 0: it was not timed so


class _Round(NamedTuple):
    """Samples that were taken in turns, and what a probe saw."""

    taken: dict[str, _Sample]
    look: float


def _rounds(
    calls: dict[str, Callable[[], Any]],
    choose: Callable[[str], None],
    job: dict[str, Any],
    probe: _calm.Probe,
) -> list[_Round]:
    """Rounds of a sample of each call; one more before them is dropped."""
    clock = _clock(job)
    flush = _memory.cache_flush(job["flush_bytes"]) if job["flush_bytes"] else None
    rounds = []
    repeats = dict.fromkeys(calls, 1)
    long = set()
    end = time.monotonic() + job["seconds"] / _PLACES
    least, most = (math.ceil(job[name] / _PLACES) for name in ("least", "most"))
    for round_ in range(most + 1):
        if round_ > least and time.monotonic() > end:
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
            rounds.append(_Round(taken, max(looks)))
    return rounds


def _clock(job: dict[str, Any]) -> Callable[[], float]:
    """Processor time of one thread, which other processes disturb less than wall time.

    The process's would count threads of other libraries.
    """
    return time.thread_time if job["threads"] == 1 else time.perf_counter


def _times(rounds: list[_Round], probe: _calm.Probe) -> _Times:
    """Of the rounds in which nobody else was at work on the core, or of all where these are few."""
    calm = [one for one in rounds if probe.is_calm(one.look)]
    kept = calm if len(calm) >= _ENOUGH else rounds
    return {
        name: {
            "seconds": [one.taken[name].seconds for one in kept],
            "cold_seconds": [one.taken[name].cold for one in kept if one.taken[name].cold > 0],
            "probe_seconds": [one.look for one in kept],
        }
        for name in rounds[0].taken
    }


def _sample(
    call: Callable[[], Any],
    repeats: int,
    flush: Callable[[], None] | None,
    clock: Callable[[], float],
) -> _Sample:
    cold = 0.0
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
    seen before, or 0. Waiting for calm rounds takes up to `seconds` more. On a GPU there are none.
    """
    torch.set_num_threads(job["threads"])
    artifacts = {c["candidate"]: c["artifact"] for c in job["contestants"]}

    def choose(candidate: str) -> None:
        _choices.choose(job["problem"], candidate, artifacts.get(candidate, ""), job["phase"])

    if job["phase"] >= 0:
        # Where PyTorch is in use for all passes together, its time would be that of each candidate.
        with suppress(RuntimeError):  # it is no problem of passes
            _choices.choose(job["problem"], "passes", phase=_choices.WHOLE_PROBLEM)
    if job["device"] != "cpu":
        return _gpu_comparison.compare(job, choose)
    probe = _calm.Probe(_clock(job), job["seconds"], job["probe_seconds"])
    rounds: list[_Round] = []
    places: list[Any] = []
    for _ in range(_PLACES):
        call = call_of(job["problem"])
        # Results and what is made on the way: else it is chance which candidate gets fresh pages.
        memory = min(4 * bytes_of(job["problem"]) + _LEAST_MEMORY, _MOST_MEMORY)
        _memory.keep_freed_memory(memory)
        calls = {}
        for candidate in artifacts:
            try:
                choose(candidate)
                call()
            except RuntimeError:
                continue
            calls[candidate] = call
        if not calls:
            return {}
        rounds += _rounds(calls, choose, job, probe)
        # The next ones get other pages.
        places += call, torch.empty(memory, dtype=torch.uint8)
    return _times(rounds, probe)
