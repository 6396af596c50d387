# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import convwright

SOURCE = str(Path(convwright.__file__).parents[1])
Program = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(autouse=True)
def _threads_kept() -> Iterator[None]:
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """`python -m convwright` in a process and with a cache folder of its own."""

    def call(*arguments: str, path: str = "", **environment: str) -> subprocess.CompletedProcess:
        kept = {k: v for k, v in os.environ.items() if k not in ("CONVWRIGHT_DB", "NO_COLOR")}
        own = {
            "PYTHONPATH": os.pathsep.join(filter(None, (path, SOURCE))),
            "CONVWRIGHT_CACHE_DIR": str(tmp_path / "cache"),
        }
        return subprocess.run(
            [sys.executable, "-m", "convwright", *arguments],
            env=kept | own | environment,
            capture_output=True,
            text=True,
        )

    return call
