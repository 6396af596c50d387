# SPDX-License-Identifier: Apache-2.0
"""Rows measured on a GPU: the sides beside cuDNN's, timed by events around replays of a graph.

The host's share is a row of host_cost.py. cuDNN chooses its algorithm by trying
(torch.backends.cudnn.benchmark), with TF32 off and, as further sides, on.
"""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import torch

from convwright import _memory
from convwright._gpu_timing import Device, prepare
from convwright.bench import sides, timing
from convwright.bench.results import OURS, TORCHS
from convwright.bench.rows import Bench
from convwright.bench.sides import Operands, Run

TF32 = f"{TORCHS}_tf32"


def measure(
    runs: dict[str, Run],
    seconds: float,
    device: Device,
    flush: Callable[[], object] | None = None,
) -> tuple[timing.Timing, list[str]]:
    """Times the sides in turn, as timing.measure does; and which of them are no replays.

    `flush` empties the caches before each sample, which is one call then.
    """
    prepared = {name: prepare(run, device, once=flush is not None) for name, run in runs.items()}

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
    return _memory.cache_flush(max(64 << 20, 2 * size), "cuda")


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
