# SPDX-License-Identifier: Apache-2.0
"""Multipliers of one's own in Python and in C++: their products, and the scripts, tiny."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import own_multiplier
import own_multiplier_cpp
import pytest
from loaded import sums_agree
from own_multiplier import without_columns

from convwright.multipliers import from_function

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("own_multiplier", ["without 0 columns", "without 8 columns"]),
        ("own_multiplier_cpp", ["exact  ", own_multiplier_cpp.NAME]),
    ],
)
def test_writes_its_table_and_picture(
    script: str,
    lines: list[str],
    run_example: Run,
    fashion_folder: Callable[..., Path],
    tmp_path: Path,
) -> None:
    picture, record = tmp_path / "own.png", tmp_path / "own.json"
    options = ["--threads", "1", "--out", str(picture), "--record", str(record)]
    folder = fashion_folder(train=16, test=4)
    result = run_example(script, *options, CONVWRIGHT_DATA=str(folder))
    assert result.returncode == 0, result.stdout + result.stderr
    for expected in (*lines, "engine ", "The layers give the sums of the function."):
        assert expected in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = json.loads(record.read_text())["rows"]
    assert [row["network"] for row in rows[:2]] == ["exact", lines[0].strip()]


def test_the_array_by_hand() -> None:
    every = range(-128, 128)
    assert all(without_columns(0, a, w) == a * w for a in every for w in every)
    assert without_columns(4, 3, 9) == 16  # 9 + 18: of 01001 and 10010 the columns from 4 on
    assert without_columns(4, -3, 9) == -16
    assert without_columns(14, 127, 127) == 0


def test_two_ones_by_hand() -> None:
    product = own_multiplier_cpp.compiled(own_multiplier_cpp.SOURCE).product
    assert [product(3, w) for w in (7, -7, 0, 1, 96, 127, -128)] == [
        *(18, -18, 0, 3, 288, 288, -384),
    ]
    assert product(-128, -128) == 16384


def test_another_function_does_not_agree() -> None:
    multiplier = from_function(lambda a, w: a * w, format="int8")
    assert sums_agree(multiplier, lambda a, w: a * w)
    assert not sums_agree(multiplier, lambda a, w: a * w + (a == 5))


def test_a_compiler_that_is_missing_or_fails_is_one_sentence(
    run_example: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_example("own_multiplier_cpp", CXX="no-such-compiler")
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "own_multiplier_cpp: there is no C++ compiler 'no-such-compiler'; install g++, or name one "
        "in CXX"
    ]
    (tmp_path / "bad.cpp").write_text("int product(")
    with pytest.raises(OSError, match=r"bad\.cpp does not compile: .*bad\.cpp"):
        own_multiplier_cpp.compiled(tmp_path / "bad.cpp")


def test_layers_of_another_function_end_the_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["own_multiplier.py"])
    monkeypatch.setattr(own_multiplier, "sums_agree", lambda *_: False)
    assert own_multiplier.main() == 1
    assert "A layer of without 0 columns does not give" in capsys.readouterr().err
