# SPDX-License-Identifier: Apache-2.0
"""The roofline of this machine, measured: how fast a program could be.

Least time of a pass = max(flops / peak, compulsory bytes / bandwidth) (Williams, Waterman and
Patterson, Roofline, 2009). The peak is that of multiply-adds in registers, so a share of it
counts everything that keeps a kernel from computing. The bandwidth is that of a copy between
buffers that are together as large as what the pass moves: tensors that stay in the caches are held
against the caches' bandwidth, and tensors read from memory against the memory's.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch

from convwright import _machine
from convwright._child_environment import child_environment
from convwright.bench import timing
from convwright.bench.problems import Work

_SMALLEST, _LARGEST = 1 << 16, 1 << 28  # bytes of both buffers; every second power of two


@dataclass(frozen=True)
class Roofline:
    gflops: float
    peak_of: str  # what reached the peak
    copy_gbytes: dict[int, float]  # GB/s, read and written bytes, by bytes of both buffers

    def seconds(self, work: list[Work], cold: bool) -> float:
        """Least time of the passes, one after the other."""
        return sum(
            max(w.flops / self.gflops, w.bytes / self._bandwidth(w.bytes, cold)) / 1e9 for w in work
        )

    def _bandwidth(self, moved: float, cold: bool) -> float:
        if cold:
            return self.copy_gbytes[max(self.copy_gbytes)]
        # The faster neighbour: a limit must not be too low.
        sizes = sorted(self.copy_gbytes)
        larger = next((i for i, size in enumerate(sizes) if size >= moved), len(sizes) - 1)
        return max(self.copy_gbytes[size] for size in sizes[max(larger - 1, 0) : larger + 1])

    def to_json(self) -> dict:
        return asdict(self)

    @staticmethod
    def from_json(stored: dict) -> "Roofline":
        copies = {int(size): rate for size, rate in stored["copy_gbytes"].items()}
        return Roofline(stored["gflops"], stored["peak_of"], copies)


def measure(threads: int) -> Roofline:
    """A few seconds; `threads` is what PyTorch is set to."""
    gflops, peak_of = _fma_peak(threads)
    largest = max(_LARGEST, 4 * _machine.last_level_bytes())
    sizes = []
    size = _SMALLEST
    while size <= largest:
        sizes.append(size)
        size *= 4
    return Roofline(gflops, peak_of, {size: _copy_gbytes(size, threads) for size in sizes})


def _fma_peak(threads: int) -> tuple[float, str]:
    command = [sys.executable, "-m", "convwright.bench.fma_peak", str(threads)]
    environment = child_environment(HL_NUM_THREADS=str(threads))
    program = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if program.returncode == 0:
        return float(program.stdout), "multiply-adds in registers"
    # Without Halide's package: less than the peak, and results may then pass 100 percent.
    return _matmul_gflops(threads), "PyTorch's matrix product of 512 x 512, for want of Halide"


def _matmul_gflops(threads: int) -> float:
    size = 512
    left, right = torch.randn(size, size), torch.randn(size, size)
    result = torch.empty(size, size)
    return 2.0 * size**3 / _least(lambda: torch.mm(left, right, out=result), threads) / 1e9


def _copy_gbytes(size: int, threads: int) -> float:
    source = torch.zeros(size // 8)  # half the bytes, in floats
    target = torch.empty_like(source)
    return size / _least(lambda: target.copy_(source), threads) / 1e9


def _least(run: Callable[[], object], threads: int) -> float:
    """Seconds of the fastest of some samples: a limit is the best that happened."""
    samples = timing.measure({"": run}, threads, seconds=0.2)
    return samples.sides[""].best
