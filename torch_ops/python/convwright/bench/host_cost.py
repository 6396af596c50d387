# SPDX-License-Identifier: Apache-2.0
"""Host cost of a call: a convolution of one value, microseconds, beside PyTorch's.

    python -m convwright.bench.host_cost [cpu|cuda]

One thread, by its processor time; the two sides in turn, medians. On CUDA by wall time, of calls
that are only enqueued. Exit status 1 without the operator library.
"""

import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F

import convwright
from convwright.bench import timing

# Times PyTorch's cost.
LIMITS = {
    "cpu": {"without gradient": 1.5, "forward and backward": 2.0},
    "cuda": {"without gradient": 1.5, "forward and backward": 1.5},
}
_HEAD = f"{'1x1x1x1 convolution':22}{'Convwright':>12}{'PyTorch':>12}{'cost':>9}{'limit':>9}"


def measure(seconds: float = 1.0, device: str = "cpu") -> list[dict]:
    """A row for each of LIMITS, about `seconds` each; leaves PyTorch's thread count as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_row(name, limit, seconds, device) for name, limit in LIMITS[device].items()]
    finally:
        torch.set_num_threads(threads)


def _row(name: str, limit: float, seconds: float, device: str) -> dict:
    gradient = name != "without gradient"
    sides = {
        who: _call(function, gradient, device)
        for who, function in (("ours", convwright.functional.conv2d), ("torchs", F.conv2d))
    }
    if device == "cpu":
        taken = timing.measure(sides, threads=1, seconds=seconds).sides
    else:
        # Wall time: backward runs in a thread of the device. A sample's launches fit its queue.
        settle = torch.cuda.synchronize
        taken = timing.measure(sides, threads=2, seconds=seconds, settle=settle).sides
    ours, torchs = taken["ours"].median, taken["torchs"].median
    return {
        "what": name,
        "convwright_seconds": ours,
        "torch_seconds": torchs,
        "cost_ratio": ours / torchs,
        "limit": limit,
    }


def _call(
    convolution: Callable[..., torch.Tensor], gradient: bool, device: str
) -> Callable[[], object]:
    sizes = (1, 1, 1, 1), (1, 1, 1, 1), (1,)
    operands = [torch.randn(size, device=device) for size in sizes]
    arguments = *(t.requires_grad_(gradient) for t in operands), (1, 1), (0, 0), (1, 1), 1
    if not gradient:
        return lambda: convolution(*arguments)
    grad_output = torch.ones(1, 1, 1, 1, device=device)
    return lambda: convolution(*arguments).backward(grad_output)


def lines(rows: list[dict]) -> list[str]:
    """A table as plain text. Cost is Convwright's time over PyTorch's: less is better."""
    return [_HEAD] + [
        f"{row['what']:22}{row['convwright_seconds'] * 1e6:9.2f} us"
        f"{row['torch_seconds'] * 1e6:9.2f} us{row['cost_ratio']:8.2f}x{row['limit']:8.1f}x"
        for row in rows
    ]


if __name__ == "__main__":
    try:
        print("\n".join(lines(measure(device=sys.argv[1] if sys.argv[1:] else "cpu"))))
    except convwright.LibraryMissing as error:
        sys.exit(str(error))
