# SPDX-License-Identifier: Apache-2.0
"""The program of the build that judges tables of choices, convwright_compile_choices."""

import subprocess
from pathlib import Path

import pytest

from convwright import LibraryMissing, _library


def _build() -> Path | None:
    try:
        return _library.find().parent
    except LibraryMissing:
        return None


BUILD = _build()
PROGRAM = (BUILD or Path()) / "autotune" / "convwright_compile_choices"
TABLE = (BUILD or Path()) / "tests" / "autotune" / "small_library" / "small_choices.txt"
pytestmark = pytest.mark.skipif(
    not PROGRAM.is_file() or not TABLE.is_file(), reason="the build's tests were not built"
)


def run(*arguments: Path) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)


def refused(output: Path, *tables: Path) -> str:
    done = run(output, *tables)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert not output.exists()
    return done.stderr


def test_choices_of_all_tables_are_written(tmp_path: Path) -> None:
    output = tmp_path / "choices.inc"
    assert run(output).returncode == 0
    assert output.read_text() == ""
    assert run(output, TABLE).returncode == 0
    assert output.read_text().count("CONVWRIGHT_CHOICE(") == 9
    assert run().returncode == 2


def test_a_row_of_a_changed_space_ends_the_build(tmp_path: Path) -> None:
    lines = TABLE.read_text().splitlines()
    words = lines[-1].split(" ")
    stale = tmp_path / "stale.txt"
    words[3] = "0123456789abcdef"
    stale.write_text("\n".join([*lines[:-1], " ".join(words)]) + "\n")
    said = refused(tmp_path / "choices.inc", stale)
    assert f"'{stale}', line {len(lines)}: " in said
    assert "another space of schedules ('0123456789abcdef')" in said
    assert "tune the problem again" in said


def test_one_choice_in_two_tables(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(TABLE.read_text())
    said = refused(tmp_path / "choices.inc", TABLE, other)
    assert f"'{TABLE}' and '{other}' both choose for" in said


def test_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "choices.inc", tmp_path / "nowhere.txt")
