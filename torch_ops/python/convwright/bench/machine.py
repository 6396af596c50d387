# SPDX-License-Identifier: Apache-2.0
"""What is measured on, and with which versions."""

import os
import platform
import subprocess
from pathlib import Path

import torch

import convwright
from convwright import _library
from convwright._machine import cache_bytes, cpu_name


def describe() -> dict:
    """For a results file; nothing in it names the machine. Raises LibraryMissing."""
    _library.load()
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


def _commit() -> str:
    """Of the checkout, with "-dirty" where files differ from it; "" outside a checkout."""
    checkout = Path(convwright.__file__).resolve().parents[3]
    if not (checkout / "torch_ops").is_dir():  # installed, perhaps inside somebody's repository
        return ""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip()
