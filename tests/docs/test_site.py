# SPDX-License-Identifier: Apache-2.0
"""The site of docs/ with the reference from docstrings, built without a warning."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import convwright

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("mkdocs", reason="the extra convwright[docs] has it")
pytest.importorskip("mkdocstrings", reason="the extra convwright[docs] has it")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_public_name_has_an_entry(site: Path) -> None:
    modules = ("functional", "nn", "multipliers", "quantisation")
    for module in modules:
        page = (site / "reference" / module / "index.html").read_text()
        names = getattr(convwright, module).__all__
        assert [n for n in names if f'id="convwright.{module}.{n}"' not in page] == []
    page = (site / "reference" / "convwright" / "index.html").read_text()
    own = set(convwright.__all__) - set(modules)
    assert [n for n in sorted(own) if f'.{n}"' not in page] == []
