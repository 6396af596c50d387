# SPDX-License-Identifier: Apache-2.0
"""The processor of this machine, as the system describes it."""

import platform
import re
from pathlib import Path

_CPU = Path("/sys/devices/system/cpu/cpu0")
_CPU_INFO = Path("/proc/cpuinfo")
# What each instruction set that kernels are built for needs, the highest first (runtime/isa.h).
_ISA_FLAGS = {
    "avx512": {"avx2", "fma", "avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
    "avx2": {"avx2", "fma"},
}


def cpu_name() -> str:
    return _cpu_info("model name") or platform.machine()


def cpu_slug() -> str:
    """The name for a file name: "amd-epyc-9654"."""
    name = re.sub(r"\(\w+\)|@.*|\d+-Core|Processor|CPU", " ", cpu_name())
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "cpu"


def offered_isa() -> str:
    """The highest instruction set with kernels that the CPU has: "avx512", "avx2" or "none"."""
    flags = set(_cpu_info("flags").split())
    return next((isa for isa, needed in _ISA_FLAGS.items() if needed <= flags), "none")


def cache_bytes() -> dict[int, int]:
    """By level, of data and unified caches; empty where the system does not say."""
    sizes = {}
    for folder in _CPU.glob("cache/index*"):
        size = re.fullmatch(r"(\d+)K\s*", _text(folder / "size"))
        if size and _text(folder / "type").strip() != "Instruction":
            sizes[int(_text(folder / "level"))] = int(size.group(1)) << 10
    return sizes


def last_level_bytes() -> int:
    return max(cache_bytes().values(), default=0)


def _cpu_info(key: str) -> str:
    """Of the first processor."""
    match = re.search(rf"^{key}\s*:\s*(.+)$", _text(_CPU_INFO), re.MULTILINE)
    return match.group(1).strip() if match else ""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
