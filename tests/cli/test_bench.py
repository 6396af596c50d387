# SPDX-License-Identifier: Apache-2.0
"""`convwright bench` from its options to its files, on a problem that takes microseconds."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from convwright.bench import host_cost, problems, roofline, rows, sides
from convwright.cli import bench, main

TINY = "fprop_n2ci5ih6iw7co3kh3kw3s2p1_f32_nhwc_bias"
Run = Callable[..., int]


@pytest.fixture(autouse=True)
def _no_slow_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = roofline.Roofline(100.0, "a test", {1 << 20: 10.0})
    monkeypatch.setattr(roofline, "measure", lambda threads: limits)
    monkeypatch.setattr(host_cost, "measure", lambda: [])


@pytest.fixture
def run() -> Run:
    return lambda *options: main(["bench", *options, "--seconds", "0.01"])


def content_of(path: Path) -> dict:
    return json.loads(path.read_text())


def test_a_row_in_every_form(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results.json"
    assert run(TINY, "--direction", "fprop", "--direction", "step", "--out", str(out)) == 0
    output = capsys.readouterr()
    assert output.err == f"2 of 2 rows are in {out}\n"  # no progress: it is no terminal
    assert output.out.count("geometric mean") == 2
    content = content_of(out)
    assert content["finished"]
    assert [row["direction"] for row in content["rows"]] == ["fprop", "step"]
    row = content["rows"][0]
    assert set(row["torch_backends"]) == {"nhwc", "nchw"}
    assert row["tuned"] is False

    assert run(TINY, "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["problem"] == TINY
    assert run(TINY, "--csv") == 0
    (read,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert read["problem"] == TINY
    assert float(read["ratio"]) == pytest.approx(
        float(read["torch_ms"]) / float(read["convwright_ms"])
    )
    assert read["torch_backend"] in ("oneDNN", "PyTorch's GEMM (Slow2d)")
    assert run(TINY, "--md") == 0
    assert "| problem |" in capsys.readouterr().out


def test_further_sides_are_checked_and_timed(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    assert run(TINY, "--untuned", "--out", str(out)) == 0
    content = content_of(out)
    (row,) = content["rows"]
    assert list(row["seconds"])[-1] == sides.UNTUNED
    assert row["seconds"][sides.UNTUNED]["median"] > 0
    assert row["repeat"].endswith("--untuned")
    torch.ops.convwright.choose(TINY, 0, "pytorch", "")
    try:
        assert run(TINY, "--untuned", "--out", str(out)) == 0
    finally:
        torch.ops.convwright.choose(TINY, 0, "", "")
    (row,) = content_of(out)["rows"]
    assert row["tuned"] is True
    assert row["kernels"]["convwright_nhwc"] == ["PyTorch"]


def test_what_cannot_be_compiled_is_a_note(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_compiler(*_: object, **__: object) -> Callable:
        def call(*_: object) -> None:
            raise OSError("there is no C++ compiler")

        return call

    monkeypatch.setattr(torch, "compile", no_compiler)
    assert run(TINY, "--compile") == 0
    note = f"{sides.COMPILED} could not be compiled: there is no C++ compiler"
    assert note in capsys.readouterr().out


def test_torch_compile_is_a_side(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **kw: compile(f, backend="eager", **kw))
    out = tmp_path / "results.json"
    for direction in ("fprop", "wgrad", "step"):
        assert run(TINY, "--compile", "--direction", direction, "--out", str(out)) == 0
        (row,) = content_of(out)["rows"]
        assert row["seconds"][sides.COMPILED]["median"] > 0


def test_against_a_baseline(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tmp_path / "before.json"
    assert run(TINY, "--out", str(before)) == 0
    content = content_of(before)
    samples = content["rows"][0]["seconds"]["convwright_nhwc"]

    def scaled(factor: float) -> str:
        for key in ("p20", "median", "p80", "best"):
            samples[key] *= factor
        before.write_text(json.dumps(content))
        return str(before)

    capsys.readouterr()
    assert run(TINY, "--against", scaled(1e-3)) == 0
    output = capsys.readouterr()
    assert "SLOW" in output.out.splitlines()[-1]
    assert "1 of 1 rows slower" in output.err
    assert run(TINY, "--against", str(before), "--fail-on", "slow") == 1
    assert run(TINY, "--against", scaled(1e6), "--fail-on", "slow") == 0
    assert "FAST" in capsys.readouterr().out.splitlines()[-1]
    assert run(TINY.replace("ih6", "ih7"), "--against", str(before), "--fail-on", "slow") == 0
    assert "0 of 0 rows slower, 1 without one" in capsys.readouterr().err


def test_a_baseline_of_another_machine_is_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before.json"
    assert run(TINY, "--out", str(before)) == 0
    content = content_of(before)
    content["machine"]["cpu"] = "Another CPU"
    before.write_text(json.dumps(content))
    assert run(TINY, "--against", str(before)) == 2
    assert "measured on cpu 'Another CPU', this is" in capsys.readouterr().err
    content["rows"] = [{"name": "a network", "ratios": {}}]
    before.write_text(json.dumps(content))
    assert run(TINY, "--against", str(before)) == 2
    assert "none of `convwright bench`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [[], {"schema": 1}, {"schema": 2}, {"schema": 1, "rows": 3}],
    ids=["list", "nothing", "another schema", "no rows"],
)
def test_a_foreign_baseline_is_refused(
    content: object, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps(content))
    assert run(TINY, "--against", str(before)) == 2
    error = capsys.readouterr().err
    assert "before.json" in error and error.count("\n") == 1


def test_a_baseline_of_great_depth_is_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before.json"
    before.write_text("[" * 100_000)
    assert run(TINY, "--against", str(before)) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_approximate_row(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{TINY}_mbm", "--direction", "step", "--csv") == 0
    (read,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert read["problem"] == f"{TINY}_mbm"
    assert float(read["gproducts"]) > 0 and float(read["unfold_ratio"]) > 0


def test_a_wrong_answer_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object, **__: object) -> None:
        raise sides.WrongAnswer("convwright_nhwc is wrong")

    monkeypatch.setattr(sides, "check", wrong)
    assert run(TINY) == 1


def test_an_interrupted_run_keeps_its_rows(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = rows.Bench.measure

    def interrupted(self: rows.Bench, task: rows.Task) -> dict:
        if task.direction == "wgrad":
            raise KeyboardInterrupt
        return measure(self, task)

    monkeypatch.setattr(rows.Bench, "measure", interrupted)
    out = tmp_path / "results.json"
    directions = ("--direction", "dgrad", "--direction", "wgrad")
    assert run(TINY, *directions, "--out", str(out)) == 130
    content = content_of(out)
    assert not content["finished"]
    assert [row["direction"] for row in content["rows"]] == ["dgrad"]
    output = capsys.readouterr()
    assert "Not all rows were measured" in output.out
    assert "interrupted" in output.err


def test_layers_of_a_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_model.py").write_text(
        "import torch\n"
        "def make():\n"
        "    layers = (torch.nn.Conv2d(4, 4, 3, padding=1) for _ in range(2))\n"
        "    return torch.nn.Sequential(*layers, torch.nn.Conv2d(4, 2, 1))\n"
    )
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "results.json"
    model = ("--model", "a_model:make", "--input", "2x4x6x6", "--direction", "inference")
    assert run(*model, "--out", str(out)) == 0
    measured = content_of(out)["rows"]
    assert [row["problem"] for row in measured] == [
        "fprop_n2ci4ih6iw6co4kh3kw3s1p1_f32_nchw_bias",
        "fprop_n2ci4ih6iw6co2kh1kw1s1p0_f32_nchw_bias",
    ]
    assert {row["suite"] for row in measured} == {"model"}


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        (["--suite", "resnet51"], 2, "there is no suite 'resnet51'; there are: approx, depthwise,"),
        (["fprop_n1"], 2, "fprop_n1"),
        ([TINY, "--suite", "small"], 2, "give one of them"),
        ([TINY, "--cold", "--both"], 2, "one of --cold and --both"),
        ([TINY, "--threads", "0"], 2, "--threads"),
        ([TINY, "--budget", "soon"], 2, "accepted are seconds, and texts such as 90s"),
        ([TINY, "--direction", "sideways"], 2, "--direction"),
        ([TINY, "--fail-on", "slow"], 2, "--fail-on needs --against"),
        ([TINY, "--device", "cuda", "--untuned"], 2, "--untuned is for --device cpu"),
        ([TINY, "--against", "/nowhere/before.json"], 2, "/nowhere/before.json is not a results"),
        ([f"{TINY}_mbn"], 2, "mbn"),
        ([f"{TINY}_mbm_int8", "--direction", "wgrad"], 2, "accepted are fprop, step, inference"),
        ([TINY, "--against", __file__], 2, "is not a results file of `convwright bench`"),
        ([TINY, "--out", "/nowhere/results.json"], 1, "cannot be written to /nowhere/results"),
        (["--model", "torch.nn:Identity", "--input", "1x3"], 2, "has no convolution"),
        (["--model", "torch.nn:Identity"], 2, "--model needs --input"),
    ],
)
def test_bad_input(
    options: list[str], status: int, text: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*options) == status
    output = capsys.readouterr()
    assert output.out == ""
    assert text in output.err
    assert output.err.count("\n") == 1


def test_a_folder_in_place_of_the_results(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    out.mkdir()
    assert run(TINY, "--out", str(out)) == 1
    assert f"results cannot be written to {out}: Is a directory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [out]


def test_a_machine_without_a_gpu(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(TINY, "--device", "cuda") == 2
    assert "PyTorch finds no CUDA device" in capsys.readouterr().err


def test_a_missing_extra(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = bench.find_spec
    for option, package, extra in (
        ("--untuned", "numpy", "convwright[bench]"),
        ("--autoscheduler", "halide", "convwright[tune]"),
    ):
        monkeypatch.setattr(bench, "find_spec", lambda n, p=package: None if n == p else find(n))
        assert run(TINY, option) == 1
        text = f"needs {package}, which is not installed: install {extra}"
        assert text in capsys.readouterr().err


def test_completion_knows_the_suites() -> None:
    assert bench._suite_names() == problems.suite_names()
