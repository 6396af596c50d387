# SPDX-License-Identifier: Apache-2.0
"""compute-sanitizer over a small set of calls, where that program exists."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import convwright

PROGRAM = shutil.which("compute-sanitizer") or shutil.which(
    "compute-sanitizer", path="/usr/local/cuda/bin"
)
CALLS = Path(__file__).with_name("sanitizer_calls.py")


@pytest.mark.skipif(PROGRAM is None, reason="there is no compute-sanitizer")
@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_no_report(tool: str) -> None:
    command = [PROGRAM, "--tool", tool, "--error-exitcode", "9", sys.executable, str(CALLS)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(convwright.__file__).parents[1]),
        # Each tensor an allocation of its own, whose ends memcheck then watches.
        "PYTORCH_NO_CUDA_MEMORY_CACHING": "1",
    }
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
    assert "0 wrong" in result.stdout
