# SPDX-License-Identifier: Apache-2.0
"""Time candidates of one problem and PyTorch side by side, through the operators.

A candidate that cannot run is left out. Passes and convolutions that are not what the job is about
run as they were tuned.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from convwright import _choices, _memory
from convwright._subjects import bytes_of, call_of

_LEAST_MEMORY, _MOST_MEMORY = 16 << 20, 768 << 20  # bytes
_SHORTEST = 50e-6  # of a sample; shorter calls are repeated
# Of a call from which a cold sample may plan as well: that takes less than 100 us, 0.5 % of it.
_LONG = 20e-3
_Times = dict[str, dict[str, list[float]]]


def _samples(
    calls: dict[str, Callable[[], Any]], choose: Callable[[str], None], job: dict[str, Any]
) -> _Times:
    """Seconds of each call with warm and with cold caches, in rounds of a sample of both; the first
    round is dropped."""
    # Processor time of one thread, which other processes disturb less than wall time; the process's
    # would count threads of other libraries.
    clock = time.thread_time if job["threads"] == 1 else time.perf_counter
    flush = _memory.cache_flush(job["flush_bytes"]) if job["flush_bytes"] else None
    samples: _Times = {name: {"seconds": [], "cold_seconds": []} for name in calls}
    repeats = dict.fromkeys(calls, 1)
    long = set()
    end = time.monotonic() + job["seconds"]
    for round_ in range(job["most"] + 1):
        if round_ > job["least"] and time.monotonic() > end:
            break
        for name, call in calls.items():
            choose(name)
            if name not in long:
                call()  # plans anew
            if flush:
                cold = _memory.on_present_memory(partial(_cold, call, flush, clock))
                if round_ > 0:
                    samples[name]["cold_seconds"].append(cold)
            seconds = _memory.on_present_memory(partial(_timed, call, repeats[name], clock))
            if round_ > 0:
                samples[name]["seconds"].append(seconds)
            elif seconds > _LONG:
                long.add(name)
            elif seconds < _SHORTEST:
                repeats[name] = int(_SHORTEST / max(seconds, 1e-8)) + 1
    return samples


def _timed(call: Callable[[], Any], repeats: int, clock: Callable[[], float]) -> float:
    """Seconds of a call."""
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def _cold(call: Callable[[], Any], flush: Callable[[], None], clock: Callable[[], float]) -> float:
    flush()
    return _timed(call, 1, clock)


def compare(job: dict[str, Any]) -> _Times:
    """{candidate: "seconds" and "cold_seconds" of each round} of the candidates in `job` that run.

    Caches are cold where `flush_bytes` were written before the call, else warm by the same call.
    """
    torch.set_num_threads(job["threads"])
    artifacts = {c["candidate"]: c["artifact"] for c in job["contestants"]}

    def choose(candidate: str) -> None:
        _choices.choose(job["problem"], candidate, artifacts.get(candidate, ""), job["phase"])

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
    return _samples(calls, choose, job)
