# SPDX-License-Identifier: Apache-2.0
"""Rows measured on a GPU: the sides beside cuDNN's, timed by events around replays of a graph.

A replay has no host in it, so that a small convolution is timed and not the launches before it; the
host's share is a row of host_cost.py. cuDNN chooses its algorithm by trying
(torch.backends.cudnn.benchmark), with TF32 off and, as further sides, on.
"""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from convwright.bench import sides, timing
from convwright.bench.results import OURS, TORCHS
from convwright.bench.rows import Bench
from convwright.bench.sides import Operands, Run

TF32 = f"{TORCHS}_tf32"
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
    work: Callable[[], object]
    calls: int  # of the side in one call of `work`
    is_graph: bool


def prepare(run: Callable[[], object], device: Device, cold: bool) -> Prepared:
    """A side, so often in a row that a sample is long enough; once where caches are to be cold."""
    try:
        once = device.captured(run, 1)
        calls = 1 if cold else _calls_for(device, once)
        return Prepared(once if calls == 1 else device.captured(run, calls), calls, True)
    except RuntimeError:
        # What cannot be captured is called one after the other, with the host's time in between.
        calls = 1 if cold else _calls_for(device, run)

    def repeated() -> None:
        for _ in range(calls):
            run()

    return Prepared(repeated, calls, False)


def _calls_for(device: Device, once: Callable[[], object]) -> int:
    device.seconds(once)
    seconds = max(device.seconds(once), 1e-9)
    return max(1, min(_MOST_CALLS, round(_SHORTEST_SAMPLE / seconds)))


def measure(
    runs: dict[str, Run],
    seconds: float,
    device: Device,
    flush: Callable[[], object] | None = None,
) -> tuple[timing.Timing, list[str]]:
    """Times the sides in turn, as timing.measure does; and which of them are no replays.

    `flush` empties the caches before each sample, which is one call then.
    """
    prepared = {name: prepare(run, device, flush is not None) for name, run in runs.items()}

    def sample(name: str) -> float:
        if flush:
            flush()
        return device.seconds(prepared[name].work) / prepared[name].calls

    taken = timing.interleaved(list(runs), seconds, sample)
    summaries = {name: timing.summary(taken[name], prepared[name].calls) for name in runs}
    plain = [name for name, side in prepared.items() if not side.is_graph]
    return timing.Timing(summaries, {}), plain


def with_tf32(run: Run, allowed: bool) -> Run:
    def call() -> tuple[torch.Tensor, ...]:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=allowed):
            return run()

    return call


@dataclass(frozen=True)
class GpuBench(Bench):
    """What all rows of a GPU have in common."""

    device: Device
    place: str = "cuda"  # of the tensors

    repeat_options = "--device cuda"

    def _operands(self, problem: sides.Problem) -> Operands:
        return sides.draw(problem).map(lambda t: t.to(self.place))

    def _sides(self, problem: sides.Problem, direction: str, operands: Operands) -> dict[str, Run]:
        ours = sides.make_sides(problem, direction, operands, {OURS: OURS})
        return {
            **{name: with_tf32(run, False) for name, run in ours.items()},
            **self._torch_sides(problem, direction, operands),
        }

    def _torch_sides(
        self, problem: sides.Problem, direction: str, operands: Operands
    ) -> dict[str, Run]:
        plain = sides.make_sides(problem, direction, operands, {TORCHS: TORCHS})
        rounded = sides.make_sides(problem, direction, operands, {TORCHS: TF32})
        return {
            **{name: with_tf32(run, False) for name, run in plain.items()},
            **{name: with_tf32(run, True) for name, run in rounded.items()},
        }

    def _check(
        self, problem: sides.Problem, direction: str, operands: Operands, runs: dict[str, Run]
    ) -> None:
        # cuDNN's Winograd transforms round more than a plain sum: not for it to be the measure.
        sides.check(problem, direction, operands, runs, in_float64=True)

    def _time(self, runs: dict[str, Run], cold: bool) -> tuple[timing.Timing, list[str]]:
        flush = self.flush if cold else None
        taken, plain = measure(runs, self.seconds, self.device, flush)
        return taken, [f"{name} could not be captured in a graph" for name in plain]


def cache_flush() -> Callable[[], object]:
    """Writes twice the L2 cache."""
    size = torch.cuda.get_device_properties().L2_cache_size
    junk = torch.zeros(max(64 << 20, 2 * size) // 4, device="cuda")
    return lambda: junk.add_(1)


def describe() -> dict:
    """For a results file, beside what machine.py says of the host."""
    properties = torch.cuda.get_device_properties()
    return {
        "gpu": properties.name,
        "architecture": f"sm_{properties.major}{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "gpu_bytes": properties.total_memory,
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def slug(name: str | None = None) -> str:
    """The name for a file name: "nvidia-h100-80gb-hbm3"."""
    name = torch.cuda.get_device_name() if name is None else name
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "gpu"


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.splitlines()[0].strip() if result.returncode == 0 else ""
