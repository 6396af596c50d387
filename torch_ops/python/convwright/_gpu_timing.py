# SPDX-License-Identifier: Apache-2.0
"""What calls take on a GPU, by events around replays of a graph.

A replay has no host in it, so that a small convolution is timed and not the launches before it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

# A sample lasts at least this long: events count in steps of 0.5 us and a replay starts in some.
_SHORTEST_SAMPLE = 1e-3  # seconds
_MOST_CALLS = 200


class Device(Protocol):
    """What timing needs of a GPU; the tests have one without."""

    def captured(self, run: Callable[[], object], calls: int) -> Callable[[], object]:
        """What runs `run` `calls` times, by replaying it. Raises RuntimeError if it cannot."""

    def seconds(self, work: Callable[[], object]) -> float:
        """Of the device, for what one call of `work` enqueues."""


class CudaDevice:
    """The current CUDA device and stream."""

    def captured(self, run: Callable[[], object], calls: int) -> Callable[[], object]:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # cuDNN's trials and the loading of kernels
            for _ in range(3):
                run()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            for _ in range(calls):
                run()
        return graph.replay

    def seconds(self, work: Callable[[], object]) -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) * 1e-3


@dataclass(frozen=True)
class Prepared:
    """A call, so often in a row that a sample of it is long enough."""

    work: Callable[[], object]
    calls: int  # in one call of `work`
    is_graph: bool


def prepare(run: Callable[[], object], device: Device, once: bool = False) -> Prepared:
    """`run` as what is to be timed; with `once` a single call, as where caches are to be cold."""
    try:
        single = device.captured(run, 1)
        calls = 1 if once else _calls_for(device, single)
        return Prepared(single if calls == 1 else device.captured(run, calls), calls, True)
    except RuntimeError:
        # What cannot be captured is called one after the other, with the host's time in between.
        calls = 1 if once else _calls_for(device, run)

    def repeated() -> None:
        for _ in range(calls):
            run()

    return Prepared(repeated, calls, False)


def _calls_for(device: Device, once: Callable[[], object]) -> int:
    device.seconds(once)
    seconds = max(device.seconds(once), 1e-9)
    return max(1, min(_MOST_CALLS, round(_SHORTEST_SAMPLE / seconds)))
