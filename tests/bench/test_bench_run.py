# SPDX-License-Identifier: Apache-2.0
"""bench/run.py from its options to its files, on a problem that takes microseconds."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench import run
from convwright import cli
from convwright.bench import host_cost, problems, roofline, rows, sides
from convwright.bench.results import SIDES

ROOT = Path(__file__).parents[2]
TINY = "fprop_n2ci5ih6iw7co3kh3kw3s2p1_f32_nhwc_bias"
Bench = Callable[..., int]


@pytest.fixture
def results_path(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, results_path: Path) -> Bench:
    """run.main on the tiny problem, without the seconds that limits take to measure."""
    limits = roofline.Roofline(100.0, "a test", {1 << 20: 10.0})
    measure_host_cost = host_cost.measure
    monkeypatch.setattr(roofline, "measure", lambda threads: limits)
    monkeypatch.setattr(host_cost, "measure", lambda: measure_host_cost(seconds=0.01))

    def call(*options: str) -> int:
        fixed = ["--problem", TINY, "--seconds", "0.01", "--json", str(results_path)]
        return run.main([*fixed, *options])

    return call


def test_every_direction_is_verified_timed_and_written(
    bench: Bench, results_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("--directions", *problems.DIRECTIONS) == 0
    content = json.loads(results_path.read_text())
    assert content["finished"]
    assert content["threads"] == 1
    assert content["machine"]["torch"] == torch.__version__
    assert {"cpu", "isa", "convwright", "commit"} <= content["machine"].keys()
    assert [row["direction"] for row in content["rows"]] == list(problems.DIRECTIONS)
    for row in content["rows"]:
        assert list(row["seconds"]) == list(SIDES)
        ours = row["seconds"]["convwright_nhwc"]
        assert 0 < ours["p20"] <= ours["median"] <= ours["p80"]
        theirs = min(row["seconds"][side]["median"] for side in ("torch_nhwc", "torch_nchw"))
        assert row["ratio"] == pytest.approx(theirs / ours["median"])
        assert row["gflops"] > 0 and row["gbytes"] > 0 and row["roofline_percent"] > 0
        kernels = row["kernels"]["convwright_nhwc"]
        assert len(kernels) == (3 if row["direction"] == "step" else 1)
        assert row["problem"] in row["repeat"]
    out, err = capsys.readouterr()
    assert out.count("geometric mean") == len(problems.DIRECTIONS)
    assert "1x1x1x1 convolution" in out
    assert "[5/5]" in err


def test_repeat_line_measures_the_same_row(bench: Bench, results_path: Path) -> None:
    bench("--directions", "dgrad", "--cold")
    (row,) = json.loads(results_path.read_text())["rows"]
    assert row["repeat"].startswith("python -m convwright bench ")
    again = results_path.with_name("again.json")
    command = [*row["repeat"].split()[3:], "--seconds", "0.01", "--out", str(again)]
    assert cli.main(command) == 0
    (repeated,) = json.loads(again.read_text())["rows"]
    same = ("problem", "direction", "cache", "repeat")
    assert [repeated[key] for key in same] == [row[key] for key in same]


def test_a_problem_runs_the_direction_it_names(bench: Bench, results_path: Path) -> None:
    bench("--problem", TINY.replace("fprop", "wgrad").removesuffix("_bias"), "--both", "--md")
    measured = json.loads(results_path.read_text())["rows"]
    assert [(row["direction"], row["cache"]) for row in measured] == [
        ("wgrad", "warm"),
        ("wgrad", "cold"),
    ]


def test_an_interrupted_run_keeps_its_rows(
    bench: Bench,
    results_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure = rows.Bench.measure

    def interrupted(self: rows.Bench, task: rows.Task) -> dict:
        if task.direction == "wgrad":
            # What a killed process would leave is there before the next row begins.
            assert len(json.loads(results_path.read_text())["rows"]) == 2
            raise KeyboardInterrupt
        return measure(self, task)

    monkeypatch.setattr(rows.Bench, "measure", interrupted)
    assert bench("--directions", "fprop", "dgrad", "wgrad", "step") == 130
    content = json.loads(results_path.read_text())
    assert not content["finished"]
    assert [row["direction"] for row in content["rows"]] == ["fprop", "dgrad"]
    out = capsys.readouterr().out
    assert out.count("geometric mean") == 2
    assert "Not all rows were measured: interrupted." in out


def test_budget_starts_no_further_row(bench: Bench, results_path: Path) -> None:
    assert bench("--budget", "1e-9") == 0
    content = json.loads(results_path.read_text())
    assert content["rows"] == []
    assert "budget" in content["stopped"]


@pytest.mark.parametrize("direction", problems.DIRECTIONS)
def test_a_wrong_answer_is_an_error_row_without_times(
    direction: str,
    bench: Bench,
    results_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corrupt_last_result(monkeypatch, lambda tensor: tensor.view(-1)[-1:].mul_(1.001))
    assert bench("--directions", direction) == 1
    (row,) = json.loads(results_path.read_text())["rows"]
    assert "convwright_nchw is wrong" in row["error"]
    assert "seconds" not in row
    out = capsys.readouterr().out
    assert "ERROR" in out
    assert row["repeat"] in out


def test_not_a_number_and_an_exception_are_wrong_answers(
    bench: Bench, results_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(tensor: torch.Tensor) -> None:
        raise RuntimeError("no kernel")

    errors = []
    for spoil in (lambda tensor: tensor.fill_(torch.nan), refuse):
        with monkeypatch.context() as patch:
            corrupt_last_result(patch, spoil)
            assert bench() == 1
        errors.append(json.loads(results_path.read_text())["rows"][0]["error"])
    assert "is wrong" in errors[0]
    assert errors[1] == "convwright_nchw raised RuntimeError: no kernel"


def corrupt_last_result(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[torch.Tensor], object]
) -> None:
    """Spoils what Convwright's contiguous side gives."""
    make = sides.make_sides

    def corrupted(*args: object) -> dict[str, sides.Run]:
        made = make(*args)
        right = made["convwright_nchw"]

        def wrong() -> tuple[torch.Tensor, ...]:
            results = right()
            spoil(results[-1])
            return results

        return made | {"convwright_nchw": wrong}

    monkeypatch.setattr(sides, "make_sides", corrupted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--suite", "resnet51"], "there is no suite 'resnet51'; there are: approx, depthwise,"),
        (["--problem", "fprop_n1"], "fprop_n1"),
        (["--threads", "0"], "argument --threads: 0 is not above 0"),
        (["--threads", "two"], "argument --threads: invalid int value: 'two'"),
        (["--problem", TINY, "--suite", "small"], "give one of them"),
        (["--problem", TINY, "--json", "/nowhere/results.json"], "/nowhere/results.json"),
    ],
)
def test_wrong_options(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run.main(options)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_runs_as_a_file() -> None:
    command = [sys.executable, "bench/run.py", "--help"]
    program = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Exit status" in program.stdout
