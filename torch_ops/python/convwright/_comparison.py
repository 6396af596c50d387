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


def _samples(
    calls: dict[str, Callable[[], Any]], choose: Callable[[str], None], job: dict[str, Any]
) -> dict[str, list[float]]:
    """Seconds of each call, in rounds of one sample each; the first round is dropped."""
    # Processor time of one thread, which other processes disturb less than wall time; the process's
    # would count threads of other libraries.
    clock = time.thread_time if job["threads"] == 1 else time.perf_counter
    samples: dict[str, list[float]] = {name: [] for name in calls}
    repeats = dict.fromkeys(calls, 1)
    end = time.monotonic() + job["seconds"]
    for round_ in range(job["most"] + 1):
        if round_ > job["least"] and time.monotonic() > end:
            break
        for name, call in calls.items():
            choose(name)
            call()  # plans anew
            seconds = _memory.on_present_memory(partial(_timed, call, repeats[name], clock))
            if round_ > 0:
                samples[name].append(seconds)
            elif seconds < _SHORTEST:
                repeats[name] = int(_SHORTEST / max(seconds, 1e-8)) + 1
    return samples


def _timed(call: Callable[[], Any], repeats: int, clock: Callable[[], float]) -> float:
    """Seconds of a call."""
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def _quantile(values: list[float], part: float) -> float:
    return torch.tensor(values, dtype=torch.float64).quantile(part).item()


def compare(job: dict[str, Any]) -> dict[str, dict[str, float]]:
    """{candidate: seconds and spread} of the candidates in `job` that run."""
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
    return {
        name: {
            "seconds": _quantile(values, 0.5),
            "spread": _quantile(values, 0.8) - _quantile(values, 0.2),
        }
        for name, values in _samples(calls, choose, job).items()
    }
