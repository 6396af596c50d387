# SPDX-License-Identifier: Apache-2.0
"""How tests run the program convwright-tune."""

import json
import os
import subprocess
from pathlib import Path

from convwright import LibraryMissing, tuning

PROBLEM = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"


def _program() -> Path | None:
    try:
        return tuning.find_tuner()
    except (LibraryMissing, tuning.TunerMissing):
        return None


PROGRAM = _program()


class Tuner:
    """The program with a cache folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"CONVWRIGHT_CACHE_DIR": str(folder)}
        self.environment.pop("CONVWRIGHT_DB", None)
        self.environment.pop("CONVWRIGHT_TUNE", None)

    def run(
        self, *arguments: str, input: str = "", **environment: str
    ) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(PROGRAM), *arguments],
            env=self.environment | environment,
            input=input,
            capture_output=True,
            text=True,
        )

    def search(self, *more: str) -> list[dict]:
        done = self.run("search", "--problem", PROBLEM, "--budget", "20", "--json", *more)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def records(self) -> dict[str, dict]:
        done = self.run("db", "export", "-")
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()[1:]]
        return {line["candidate"]: line for line in lines if "outcome" in line}


def sentence(done: subprocess.CompletedProcess, status: int) -> str:
    """The one sentence of a run that failed."""
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("convwright-tune: ")
    assert done.stderr.count("\n") == 1
    return done.stderr
