# SPDX-License-Identifier: Apache-2.0
"""What is measured on, and with which versions."""

import os
import platform
import re
import subprocess
from pathlib import Path

import torch

import convwright

_CPU = Path("/sys/devices/system/cpu/cpu0")


def describe() -> dict:
    """For a results file; nothing in it names the machine."""
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "cache_bytes": {f"L{level}": size for level, size in sorted(cache_bytes().items())},
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),  # of the last minute, before this program
        "isa": torch.ops.convwright.isa(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "convwright": convwright.__version__,
        "commit": _commit(),
    }


def cpu_name() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", _text(Path("/proc/cpuinfo")), re.MULTILINE)
    return match.group(1).strip() if match else platform.machine()


def cpu_slug() -> str:
    """The name for a file name: "amd-epyc-9654"."""
    name = re.sub(r"\(\w+\)|@.*|\d+-Core|Processor|CPU", " ", cpu_name())
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "cpu"


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


def _commit() -> str:
    """Of the checkout, with "-dirty" where files differ from it; "" outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        result = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return result.stdout.strip()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
