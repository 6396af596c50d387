# SPDX-License-Identifier: Apache-2.0
"""What tests of tuning need: marks, and processes with a folder of their own for what is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from convwright import _library, check, tuning

needs_kernels = pytest.mark.skipif(
    torch.ops.convwright.isa() == "none", reason="there are no kernels for this CPU"
)


def _has_tuner() -> bool:
    try:
        return tuning.find_tuner().is_file()
    except tuning.TunerMissing:
        return False


needs_tuner = pytest.mark.skipif(not _has_tuner(), reason="convwright-tune was not built")


def in_child(folder: Path, program: str, **environment: str) -> subprocess.CompletedProcess:
    """A new process, which reads the environment anew."""
    package = str(Path(check.__file__).parents[1])
    own = {"CONVWRIGHT_CACHE_DIR": str(folder), "PYTHONPATH": package, "OMP_NUM_THREADS": "1"}
    own["CONVWRIGHT_LIBRARY"] = str(_library.find())
    kept = {k: v for k, v in os.environ.items() if k not in ("CONVWRIGHT_DB", "CONVWRIGHT_TUNE")}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=kept | own | environment,
        capture_output=True,
        text=True,
    )
