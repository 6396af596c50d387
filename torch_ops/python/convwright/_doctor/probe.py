# SPDX-License-Identifier: Apache-2.0
"""A program: prints what it finds about the GPU, PyTorch and the operator library, JSON lines.

Each line is written as soon as it is known, so that a crash takes none of them.
"""

import ctypes
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from convwright import _library
from convwright._doctor.diagnosis import BAD, NOTE, Finding

_NAME_BYTES = 256


def _driver() -> Iterator[Finding]:
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        yield Finding("gpu", "driver", "none")
        return
    version, count = ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    major, minor = version.value // 1000, version.value % 1000 // 10
    yield Finding("gpu", "driver", f"for CUDA up to {major}.{minor}")
    status = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))
    if status != 0:
        yield Finding("gpu", "devices", f"the driver gives error {status}", NOTE)
        return
    yield Finding("gpu", "devices", str(count.value))
    for index in range(count.value):
        device, name = ctypes.c_int(), ctypes.create_string_buffer(_NAME_BYTES)
        cuda.cuDeviceGet(ctypes.byref(device), index)
        cuda.cuDeviceGetName(name, _NAME_BYTES, device)
        yield Finding("gpu", f"cuda:{index}", name.value.decode(errors="replace"))


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except Exception as error:
        yield Finding("torch", "import", f"{type(error).__name__}: {_first_line(error)}", BAD)
        raise SystemExit(0) from None  # without it there is nothing more to see
    yield Finding("torch", "version", torch.__version__)
    yield Finding("torch", "threads", str(torch.get_num_threads()))
    if torch.version.cuda is None:
        yield Finding("torch", "cuda", "built without")
        return
    yield Finding("torch", "cuda", torch.version.cuda)
    yield Finding("torch", "cudnn", str(torch.backends.cudnn.version()))
    if not torch.cuda.is_available():
        yield Finding("torch", "devices", "0")
    for index in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(index)
        name = torch.cuda.get_device_name(index)
        yield Finding("torch", f"cuda:{index}", f"{name}, sm_{major}{minor}")


def _loaded() -> Iterator[Finding]:
    import torch

    try:
        _library.load()
    except _library.LibraryMissing as error:
        yield Finding("library", "load", str(error), BAD)
        return
    isa = torch.ops.convwright.isa()
    if isa == "none":
        yield Finding("library", "isa", "none: PyTorch computes all that is on the CPU", NOTE)
    else:
        yield Finding("library", "isa", isa)
    yield _autograd()
    yield from _kernels()
    yield _convolution()
    yield from _choices()


def _autograd() -> Finding:
    """Which form of the host side is in use."""
    from convwright import _plain

    return Finding("library", "autograd", _plain.implementation)


def _kernels() -> Iterator[Finding]:
    from convwright import check

    counts = Counter(f"{row['device']} {row['target']}" for row in check.library_kernels())
    for what, count in sorted(counts.items()):
        yield Finding("library", f"kernels {what.removesuffix(' any')}", str(count))


def _convolution() -> Finding:
    """One small convolution of integers, which are exact, beside PyTorch's."""
    import torch

    import convwright

    generator = torch.Generator().manual_seed(0)
    input, weight = (
        torch.randint(-3, 4, sizes, generator=generator).float()
        for sizes in ((1, 3, 7, 9), (4, 3, 3, 3))
    )
    ours = convwright.functional.conv2d(input, weight, padding=1)
    if torch.equal(ours, torch.nn.functional.conv2d(input, weight, padding=1)):
        return Finding("library", "convolution", "gives what PyTorch's gives")
    return Finding("library", "convolution", "gives something else than PyTorch's", BAD)


def _choices() -> Iterator[Finding]:
    import torch

    for line in torch.ops.convwright.tuned_status().splitlines():
        key, _, value = line.partition("\t")
        yield (
            Finding("choices", key, value, NOTE)
            if key == "notice"
            else Finding("choices", key, value)
        )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _all_of(part: Callable[[], Iterator[Finding]]) -> Iterator[dict[str, Any]]:
    try:
        for finding in part():
            yield asdict(finding)
    except Exception as error:
        name = part.__name__.strip("_")
        text = f"{type(error).__name__}: {_first_line(error)}"
        yield asdict(Finding(name, "error", text, NOTE if part is _driver else BAD))


if __name__ == "__main__":
    for part in (_driver, _torch, _loaded):
        for line in _all_of(part):
            print(json.dumps(line), flush=True)
