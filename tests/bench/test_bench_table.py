# SPDX-License-Identifier: Apache-2.0
"""The README's speed table from a results file."""

import json
from pathlib import Path

import pytest

from bench import table
from convwright.bench import results
from convwright.bench.summary import groups


def row(problem: str, ratio: float, verdict: str, direction: str = "fprop") -> dict:
    ours = {"p20": 0.9e-3, "median": 1e-3, "p80": 1.1e-3, "rounds": 7, "calls": 1}
    return {
        "suite": "small",
        "problem": problem,
        "direction": direction,
        "cache": "warm",
        "seconds": {"convwright_nhwc": ours, "torch_nchw": ours | {"median": ratio * 1e-3}},
        "torch_best": "torch_nchw",
        "ratio": ratio,
        "verdict": verdict,
        "roofline_percent": 40.0,
    }


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    host_cost = {"what": "without gradient", "convwright_seconds": 4e-6, "torch_seconds": 3e-6}
    content = {
        "schema": results.SCHEMA,
        "date": "2026-01-31",
        "machine": {"cpu": "A CPU", "isa": "avx2", "torch": "2.11.0"},
        "threads": 1,
        "clock": "processor time of the thread",
        "finished": True,
        "host_cost": [host_cost],
        "rows": [
            row("one", 0.5, "SLOW"),
            row("two", 2.0, "FAST"),
            row("three", 1.0, "AMBG"),
            {"suite": "small", "direction": "fprop", "cache": "warm", "error": "x"},
        ],
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(f"before\n\n{table.BEGIN}\n{table.END}\n\nafter\n")
    return path


def test_table_shows_mean_minimum_losses_and_errors(measured: Path) -> None:
    made = table.table([str(measured)])
    assert "**A CPU (avx2), one thread**" in made
    assert "| small | fprop | warm | 3 | 1.00 | 0.50 | 1 / 1 / 1 |" in made
    assert "| `one` | fprop | 0.50 | 1.00 | 0.50 | 40% |" in made
    assert "`two`" not in made
    assert "4.0 us without gradient (PyTorch 3.0)" in made
    assert "1 rows gave an error instead of a time." in made


def test_check_fails_until_the_table_is_written(
    measured: Path, readme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--readme", str(readme)]
    assert table.main([str(measured), *where, "--check"]) == 1
    assert f"run: python bench/table.py {measured}" in capsys.readouterr().out
    assert table.main([str(measured), *where]) == 0
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n")

    # From here on the table names its file.
    assert table.main([*where, "--check"]) == 0
    content = json.loads(measured.read_text())
    content["rows"][0]["ratio"] = 0.25
    measured.write_text(json.dumps(content))
    assert table.main([*where, "--check"]) == 1
    assert table.main(where) == 0
    assert table.main([*where, "--check"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no comments", "the table names no results files"),
        (f"{table.BEGIN}\n{table.END}", "the table names no results files"),
    ],
)
def test_without_named_files(
    text: str, message: str, readme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme.write_text(text)
    with pytest.raises(SystemExit) as stop:
        table.main(["--readme", str(readme), "--check"])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_readme_without_comments_and_other_files_are_refused(
    measured: Path, readme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        table.main(["--readme", str(readme), str(readme)])
    assert "is not a results file" in capsys.readouterr().err
    readme.write_text("no comments")
    with pytest.raises(SystemExit):
        table.main(["--readme", str(readme), str(measured)])
    assert "are missing" in capsys.readouterr().err


def test_the_readme_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main(["--check"]) == 0, capsys.readouterr().out


def test_a_group_of_errors_has_no_mean() -> None:
    (group,) = groups([{"suite": "s", "direction": "fprop", "cache": "warm", "error": "x"}])
    assert group.sentence() == "no time: 1 errors"


def test_results_of_one_day_get_names_of_their_own(tmp_path: Path) -> None:
    first = results.default_path("a-cpu-t1", tmp_path)
    assert first.name.endswith("-a-cpu-t1.json")
    first.touch()
    second = results.default_path("a-cpu-t1", tmp_path)
    assert second.name == first.name.replace("t1.json", "t1-2.json")
