# SPDX-License-Identifier: Apache-2.0
"""Timing of a GPU's rows, with a device that only counts; rows and report, on the CPU."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench import run
from convwright import _gpu_timing
from convwright.bench import approx_sides, gpu, host_cost, machine, problems, sides, timing
from convwright.bench.approx_rows import GpuApproxBench
from convwright.bench.report import report
from convwright.bench.results import FORMAT_NAMES, SIDES, ResultsFile
from convwright.bench.rows import Task

TINY = "fprop_n2ci5ih6iw7co3kh3kw3s2p1_f32_nhwc_bias"
GPU_SIDES = (*SIDES, *(f"{gpu.TF32}_{name}" for name in FORMAT_NAMES))


class FakeDevice:
    """Each call of a side takes what `seconds_of` says; nothing waits."""

    def __init__(self, refuses: str = "") -> None:
        self.seconds_of = {"fast": 1e-5, "slow": 1e-2}
        self.refuses = refuses
        self.clock = 0.0
        self.captures: list[tuple[str, int]] = []
        self.eager: list[str] = []
        self.replaying = False

    def side(self, name: str) -> Callable[[], None]:
        def call() -> None:
            self.clock += self.seconds_of[name]
            if not self.replaying:
                self.eager.append(name)

        call.__name__ = name
        return call

    def captured(self, work: Callable[[], object], calls: int) -> Callable[[], object]:
        name = getattr(work, "__name__", "")
        if name == self.refuses:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.captures.append((name, calls))

        def replay() -> None:
            self.replaying = True
            for _ in range(calls):
                work()
            self.replaying = False

        return replay

    def seconds(self, work: Callable[[], object]) -> float:
        start = self.clock
        work()
        return self.clock - start


def test_samples_are_replays_that_last_long_enough() -> None:
    device = FakeDevice()
    calls = {name: device.side(name) for name in ("fast", "slow")}
    taken, plain = gpu.measure(calls, seconds=0, device=device)
    assert plain == []
    assert device.eager == []
    assert device.captures == [("fast", 1), ("fast", 100), ("slow", 1)]
    assert {name: s.calls for name, s in taken.sides.items()} == {"fast": 100, "slow": 1}
    for name, samples in taken.sides.items():
        assert samples.median == pytest.approx(device.seconds_of[name])
        assert samples.rounds == timing.MIN_ROUNDS


def test_what_cannot_be_captured_is_called_and_named() -> None:
    device = FakeDevice(refuses="fast")
    calls = {name: device.side(name) for name in ("fast", "slow")}
    taken, plain = gpu.measure(calls, seconds=0, device=device)
    assert plain == ["fast"]
    assert set(device.eager) == {"fast"}
    assert taken.sides["fast"].calls == 100
    assert taken.sides["fast"].median == pytest.approx(1e-5)


def test_cold_samples_are_one_call_after_a_flush() -> None:
    device, flushed = FakeDevice(), []
    calls = {"fast": device.side("fast")}
    taken, _ = gpu.measure(calls, 0, device, flush=lambda: flushed.append(device.clock))
    assert taken.sides["fast"].calls == 1
    assert len(flushed) == timing.MIN_ROUNDS + 1
    assert taken.sides["fast"].median == pytest.approx(1e-5)  # without the flush


class CallingDevice:
    """Runs everything at once, by the processor's clock."""

    def captured(self, work: Callable[[], object], calls: int) -> Callable[[], object]:
        return lambda: [work() for _ in range(calls)]

    def seconds(self, work: Callable[[], object]) -> float:
        clock = timing.clock_for(1)
        start = clock()
        work()
        return clock() - start


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> gpu.GpuBench:
    monkeypatch.setattr(_gpu_timing, "_SHORTEST_SAMPLE", 1e-5)
    return gpu.GpuBench(1, 0.01, None, None, CallingDevice(), place="cpu")


@pytest.mark.parametrize("direction", problems.DIRECTIONS)
def test_rows_hold_cudnn_with_and_without_tf32(bench: gpu.GpuBench, direction: str) -> None:
    problem, _ = problems.parse(TINY)
    row = bench.measure(Task("a suite", problem, direction, "warm"))
    assert list(row["seconds"]) == list(GPU_SIDES)
    theirs = min(row["seconds"][side]["median"] for side in ("torch_nhwc", "torch_nchw"))
    assert row["ratio"] == pytest.approx(theirs / row["seconds"]["convwright_nhwc"]["median"])
    assert "roofline_percent" not in row
    assert row["repeat"].endswith(f" --direction {direction} --device cuda")
    assert row["kernels"]["convwright_nhwc"]


@pytest.mark.parametrize("product", ["mbm", "mbm_int8", "roba_uint8"])
@pytest.mark.parametrize("direction", ["fprop", "step"])
def test_rows_of_approximate_layers(bench: gpu.GpuBench, product: str, direction: str) -> None:
    problem, _ = problems.parse(f"{TINY}_{product}")
    row = GpuApproxBench.like(bench).measure(Task("approx", problem, direction, "warm"))
    cudnn = GPU_SIDES[2:]
    assert [name for name in row["seconds"] if name.startswith("torch")] == list(cudnn)
    assert row["gproducts"] > 0
    assert row["repeat"].endswith(f" --direction {direction} --device cuda")


def test_a_wrong_approximate_row_has_no_times(
    bench: gpu.GpuBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(*arguments: object) -> dict[str, Callable[[], tuple]]:
        runs = make_ours(*arguments)
        return {name: lambda r=run: tuple(t + 1 for t in r()) for name, run in runs.items()}

    make_ours = approx_sides.make_ours
    monkeypatch.setattr(approx_sides, "make_ours", spoilt)
    problem, _ = problems.parse(f"{TINY}_mbm_int8")
    row = GpuApproxBench.like(bench).measure(Task("approx", problem, "fprop", "warm"))
    assert "must be equal" in row["error"] and "seconds" not in row


def test_tf32_is_on_for_the_sides_that_are_called_so(
    bench: gpu.GpuBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asking_sides(*arguments: object) -> dict[str, Callable[[], bool]]:
        (called,) = arguments[3].values()
        names = [f"{called}_{name}" for name in FORMAT_NAMES]
        return dict.fromkeys(names, torch.ops.convwright.tf32_allowed)

    monkeypatch.setattr(sides, "make_sides", asking_sides)
    problem, _ = problems.parse(TINY)
    runs = bench._sides(problem, "fprop", bench._operands(problem))
    assert {name: call() for name, call in runs.items()} == {
        name: "tf32" in name for name in GPU_SIDES
    }


def test_a_wrong_answer_is_an_error_row(bench: gpu.GpuBench) -> None:
    problem, _ = problems.parse(TINY)
    make = type(bench)._sides

    class Spoilt(gpu.GpuBench):
        def _sides(self, *args: object) -> dict:
            made = make(self, *args)
            right = made["convwright_nhwc"]
            return made | {"convwright_nhwc": lambda: tuple(t * 1.001 for t in right())}

    row = Spoilt(**vars(bench)).measure(Task("a suite", problem, "fprop", "warm"))
    assert "convwright_nhwc is wrong" in row["error"]


def test_every_row_is_in_the_file_when_it_is_measured(bench: gpu.GpuBench, tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    about = {
        "machine": machine.describe()
        | {
            "gpu": "A GPU",
            "architecture": "sm_90",
            "driver": "580.65",
            "cuda": "13.0",
            "cudnn": 91900,
        },
        "threads": 1,
        "clock": "CUDA events",
    }
    results = ResultsFile(path, about)
    problem, _ = problems.parse(TINY)
    for count, direction in enumerate(("fprop", "wgrad"), 1):
        results.add(bench.measure(Task("a suite", problem, direction, "warm")))
        assert len(json.loads(path.read_text())["rows"]) == count
    results.put(host_cost=host_cost.measure(seconds=0.01), stopped="the budget was used up")
    text = report(json.loads(path.read_text()))
    assert "A GPU, sm_90, driver 580.65, CUDA 13.0, cuDNN 91900, CUDA events" in text
    assert "torch tf32 nhwc" in text
    assert "Not all rows were measured: the budget was used up." in text


def test_a_machine_without_a_gpu_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stop:
        run.main(["--device", "cuda"])
    assert stop.value.code == 2
    assert "argument --device: PyTorch finds no CUDA device" in capsys.readouterr().err


def test_file_name_of_a_gpu() -> None:
    assert gpu.slug("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"


@pytest.mark.gpu
def test_a_gpu_is_timed(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    path = tmp_path / "gpu.json"
    options = ["--device", "cuda", "--seconds", "0.1", "--json", str(path), "--both"]
    assert run.main(["--problem", TINY, "--directions", *problems.DIRECTIONS, *options]) == 0
    content = json.loads(path.read_text())
    assert content["finished"]
    assert content["machine"]["architecture"].startswith("sm_")
    assert len(content["rows"]) == 2 * len(problems.DIRECTIONS)
    assert not any("captured" in note for row in content["rows"] for note in row["notes"])
    assert [row["what"] for row in content["host_cost"]] == list(host_cost.LIMITS["cuda"])
