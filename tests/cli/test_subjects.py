# SPDX-License-Identifier: Apache-2.0
"""`--model module:function` imports that module, calls that function, and runs nothing else."""

import sys
from pathlib import Path

import pytest

from convwright.cli.errors import UsageError
from convwright.cli.subjects import load_model

MODULE = """
import pathlib
calls = pathlib.Path(__file__).with_name("calls")
def note(word):
    with calls.open("a") as file: file.write(word)
note("imported ")
def wanted(): note("wanted "); return "a model"
def other(): note("other ")
class Holder: wanted = wanted
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_models.py").write_text(MODULE)
    (tmp_path / "neighbour.py").write_text("raise SystemExit('the neighbour ran')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_models", raising=False)
    return tmp_path


def test_what_is_named_runs_and_nothing_else(folder: Path) -> None:
    paths = list(sys.path)
    assert load_model("own_models:wanted") == "a model"
    assert (folder / "calls").read_text() == "imported wanted "
    assert sys.path == paths


@pytest.mark.parametrize(
    "name",
    [
        "own_models",
        "own_models:",
        "own_models:wanted()",
        "own_models:Holder.wanted",
        "own_models:wanted:other",
        "own_models:calls",
        "own_models.py:wanted",
        "__import__('neighbour'):wanted",
        "../own_models:wanted",
        ":wanted",
    ],
)
def test_other_texts_are_refused(name: str, folder: Path) -> None:
    with pytest.raises(UsageError):
        load_model(name)
    ran = (folder / "calls").read_text() if (folder / "calls").exists() else ""
    assert ran in ("", "imported ")
