# SPDX-License-Identifier: Apache-2.0
"""kernels, explain and db: what they print, in every form."""

import csv
import io
import json
from pathlib import Path

import pytest
import torch

from convwright import tuning
from convwright.cli import main, tuner_commands

PROBLEM = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"
FIELDS = ["device", "operator", "kernel", "schedule", "target", "format", "dtype", "problem"]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


def test_kernels_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, "kernels", "--json"))
    assert list(rows[0]) == FIELDS
    assert {row["device"] for row in rows} == {"cpu", "cuda"}
    names = [row["kernel"] for row in rows]
    assert len(set(names)) == len(names)
    only = json.loads(printed(capsys, "kernels", "--device", "cpu", "--json"))
    assert only == [row for row in rows if row["device"] == "cpu"]

    read = list(csv.DictReader(io.StringIO(printed(capsys, "kernels", "--csv"))))
    assert [dict(row) for row in read] == rows
    markdown = printed(capsys, "kernels", "--md").splitlines()
    assert markdown[0] == f"| {' | '.join(FIELDS)} |"
    assert len(markdown) == len(rows) + 2
    assert len(printed(capsys, "kernels").splitlines()) == len(rows) + 1


def test_kernels_that_accept_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, "kernels", "--problem", PROBLEM, "--json"))
    lines = torch.ops.convwright.kernels(PROBLEM).splitlines()
    assert [tuple(row.values()) for row in rows] == [tuple(line.split("\t")) for line in lines]


def test_explain_a_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_model.py").write_text(
        "import torch\n"
        "def make():\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(4, 8, 3), torch.nn.Conv2d(8, 2, 1))\n"
    )
    monkeypatch.chdir(tmp_path)
    model = ("explain", "--model", "some_model:make", "--input", "2x4x6x6")
    plain = json.loads(printed(capsys, *model, "--json"))
    assert [row["kernel"] for row in plain] == ["PyTorch", "PyTorch"]
    rows = json.loads(printed(capsys, *model, "--convert", "--json"))
    assert [row["layer"] for row in rows] == ["0", "1"]
    assert rows[0]["problem"] == "fprop_n2ci4ih6iw6co8kh3kw3s1p0_f32_nchw_bias"
    trained = json.loads(printed(capsys, *model, "--convert", "--train", "--json"))
    assert len(trained) > len(rows)
    for command in ("explain", "bench", "tune"):
        assert main([command, "--model", "some_model:make", "--input", "2x3x6x6"]) == 2
        assert "the model does not run on --input: " in capsys.readouterr().err
    assert printed(capsys, *model, "--convert").split()[:3] == ["layer", "problem", "kernel"]


FAKE = """#!/bin/sh
echo "$@"
exit 3
"""


@pytest.fixture
def fake_tuner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prints what it is called with, and its input."""
    path = tmp_path / "convwright-tune"
    path.write_text(FAKE)
    path.chmod(0o755)
    monkeypatch.setattr(tuner_commands, "find_tuner", lambda: path)
    monkeypatch.setattr(tuning, "find_tuner", lambda: path)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["export", "-"], ["prune", "--failures"]]
)
def test_db_passes_everything_on(
    arguments: list[str], fake_tuner: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", *arguments]) == 3
    assert capfd.readouterr().out == f"db {' '.join(arguments)}\n"


@pytest.mark.parametrize("option", ["--dry-run", "--explain"])
def test_tune_asks_the_program(
    option: str, fake_tuner: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "--problem", PROBLEM, option]) == 1
    assert capsys.readouterr().err.endswith("convwright-tune ended with 3\n")


def test_tune_takes_one_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--problem", PROBLEM, "--dry-run", "--explain"]) == 2
    assert "one of --dry-run and --explain" in capsys.readouterr().err
