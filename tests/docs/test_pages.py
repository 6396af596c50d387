# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/: their links and files exist, and what docs/extending.md says to run runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
EXTENDING = (ROOT / "docs" / "extending.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", EXTENDING, re.M | re.S)


def run(*command: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "torch_ops" / "python")}
    # `python` is the one that runs the tests.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    files = [t for t in targets if not t.startswith(("http://", "https://"))]
    assert [t for t in files if not (page.parent / t).exists()] == []


def test_the_files_it_names_exist() -> None:
    named = re.findall(r"`([\w.]+/[\w./-]*)`", EXTENDING)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_its_python_runs() -> None:
    code = blocks("python")
    assert len(code) == 4
    done = run(sys.executable, "-W", "error", "-c", "\n".join(code))
    assert done.returncode == 0, done.stderr
    assert "'test_schema': 'SUCCESS'" in done.stdout


def test_its_commands_run() -> None:
    commands = blocks("sh")
    assert len(commands) == 2
    for command in commands:
        done = run("bash", "-ec", command)
        assert done.returncode == 0, done.stdout + done.stderr
