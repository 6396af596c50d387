# SPDX-License-Identifier: Apache-2.0
"""Time candidates of one problem and PyTorch side by side on a GPU, as `_comparison` does on CPUs.

Replays of graphs are timed by events: the host has no part in them, so that neither its threads nor
what others do on its cores matter. PyTorch is at its best, with what cuDNN finds by trying. Nobody
rounds float32 to TF32, for no candidate does.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import torch

from convwright import _memory
from convwright._gpu_timing import CudaDevice, Device, Prepared, prepare
from convwright._subjects import call_of

_Times = dict[str, dict[str, list[float]]]


class _Side(NamedTuple):
    warm: Prepared
    cold: Prepared | None  # None: it is not timed so


def compare(job: dict[str, Any], choose: Callable[[str], None]) -> _Times:
    """{candidate: "seconds" and "cold_seconds" of each round} of those that run after `choose`.

    The job as of `_comparison.compare`. Raises what PyTorch does where there is no such GPU.
    """
    torch.cuda.set_device(job["device"])
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
        call = call_of(job["problem"], job["device"])
        bytes_ = job["flush_bytes"]
        flush = _memory.cache_flush(bytes_, job["device"]) if bytes_ else None
        return times(job, call, choose, CudaDevice(), flush)


def times(
    job: dict[str, Any],
    call: Callable[[], Any],
    choose: Callable[[str], None],
    device: Device,
    flush: Callable[[], None] | None,
) -> _Times:
    """compare() of a call on a device. One round more before all others is dropped."""
    sides = {}
    for contestant in job["contestants"]:
        with suppress(RuntimeError):
            choose(contestant["candidate"])
            cold = prepare(call, device, once=True) if flush else None
            sides[contestant["candidate"]] = _Side(prepare(call, device), cold)
    taken = {name: {"seconds": [], "cold_seconds": []} for name in sides}
    end = time.monotonic() + job["seconds"]
    for round_ in range(job["most"] + 1):
        if not sides or (round_ > job["least"] and time.monotonic() > end):
            break
        for name, (warm, cold) in sides.items():
            if not warm.is_graph:  # a graph keeps the plan that it was captured with
                choose(name)
                call()  # plans anew
            of_side = taken[name] if round_ > 0 else {"seconds": [], "cold_seconds": []}
            if flush and cold:
                flush()
                of_side["cold_seconds"].append(device.seconds(cold.work))
            of_side["seconds"].append(device.seconds(warm.work) / warm.calls)
    return taken
