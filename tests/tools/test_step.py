# SPDX-License-Identifier: Apache-2.0
"""tools/step: title, seconds, and the exit status of what it ran."""

import re
import subprocess
from pathlib import Path

import pytest

STEP = Path(__file__).resolve().parents[2] / "tools" / "step"


@pytest.mark.parametrize("status, verdict", [(0, "took"), (3, "FAILED after")])
def test_says_how_it_went(status: int, verdict: str) -> None:
    command = ["sh", "-c", f'echo "$1"; exit {status}', "-", "two words"]
    result = subprocess.run([STEP, "A title", *command], capture_output=True, text=True)
    assert result.returncode == status
    assert re.fullmatch(rf"== A title\ntwo words\n== A title: {verdict} \d+ s\n", result.stdout), (
        result.stdout
    )
