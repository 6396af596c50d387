# SPDX-License-Identifier: Apache-2.0
"""Tuning for GPUs without one: problems, calls, comparisons by a device that only counts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from tuning_child import needs_tuner

import convwright
from convwright import (
    _approx_ops,
    _gpu_comparison,
    _kinds,
    _product_calls,
    _subjects,
    check,
    functional,
    tuning,
)
from convwright._choices import FASTER, FASTER_STEP
from convwright._explain import Explanation
from convwright._trace import Row
from convwright.cli import main

PROBLEM = "fprop_n2ci16ih9iw9co16kh3kw3s1p1_f32_nhwc"
SUM, SEPARABLE = f"wsum2d:{PROBLEM}", f"dwsep2d:{PROBLEM}"
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.fixture
def fake_cuda() -> Iterator[FakeTensorMode]:
    _approx_ops.operator("approx_conv2d_fprop")  # registers what Python adds
    with FakeTensorMode() as mode:
        yield mode


def row(problem: str, kernel: str, schedule: str = "co:64", isa: str = "sm_90", **more) -> Row:
    return Row("layer", problem, kernel, schedule, isa, **more)


GEMM = row(PROBLEM, "conv2d_gemm_nhwc_cuda_co_64")
APPROXIMATE = row(f"{PROBLEM}_mbm(3)", "approx_gemm_mbm_nhwc_cuda|approx_gemm_log_bits_nchw_cuda")


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (GEMM, PROBLEM),
        (row(PROBLEM, "PyTorch", "", "", reason=FASTER), PROBLEM),
        (APPROXIMATE, APPROXIMATE.problem),
        (row(f"{PROBLEM}_table7", "approx_gemm_mantissa_table_nchw"), f"{PROBLEM}_mantissa_table"),
        (row(SUM, "fused", "z:none"), SUM),
        (row(SUM, "fused", "z:recomputed"), SUM.replace("fprop", "step")),
        (row(SUM, "unfused", "z:saved"), SUM.replace("fprop", "step")),
        (row(SUM, "unfused", "z:written (tuned)"), SUM),
        (row(SUM, "composed", "weight:composed,saved"), SUM.replace("fprop", "step")),
        (row(SUM, "PyTorch", "", "", reason=FASTER_STEP), SUM.replace("fprop", "step")),
        (row(SEPARABLE, "unfused", "z:saved"), SEPARABLE.replace("fprop", "step")),
        (row(PROBLEM, "weighted_sum_cuda_nhwc"), None),  # the kernel of a fused one
        (row("fprop_((2, 3))", "PyTorch", "", "", reason="dtype is float64"), None),
        (row(PROBLEM, "conv2d_fprop_nhwc_avx2", isa="avx2"), None),
        (row(f"{PROBLEM}_mbm_int8", "8-bit table"), f"{PROBLEM}_mbm_int8"),
        (row(PROBLEM.replace("f32", "int8"), "byte_gemm_dot_s8_nhwc"), None),  # its kernel
    ],
)
def test_what_of_a_model_is_tuned_for_gpus(found: Row, problem: str | None) -> None:
    assert _subjects.of_row(found, on_gpu=True) == problem
    if found.isa.startswith("sm_"):
        assert _subjects.of_row(found) is None


class Layer(torch.nn.Module):
    def __init__(self, *devices: str) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(torch.empty(2, device=d) for d in devices)


def test_the_device_of_a_model(fake_cuda: FakeTensorMode) -> None:
    here, there = torch.empty(1), torch.empty(1, device="cuda:1")
    assert tuning.device_of(Layer("cpu"), [here]) == "cpu"
    assert tuning.device_of(Layer("cuda:0"), [here]) == "cuda:0"
    assert tuning.device_of(torch.relu, [there]) == "cuda:1"
    with pytest.raises(
        ValueError,
        match=r"^the model and its inputs are on cuda:0 and cuda:1, and one GPU is tuned at a "
        r"time; move them to one of these$",
    ):
        tuning.tune(Layer("cuda:0"), there)


@pytest.mark.parametrize("suffix", ["", "_bias"])
@pytest.mark.parametrize("dtype", ["f32", "bf16", "f16"])
def test_calls_are_made_on_the_gpu(fake_cuda: FakeTensorMode, dtype: str, suffix: str) -> None:
    text = PROBLEM.replace("f32", dtype)
    problem = check.parse(text)
    output = _subjects.call_of(text + suffix, "cuda")()
    assert (output.device.type, output.dtype) == ("cuda", problem.dtype)
    assert tuple(output.shape) == check.output_sizes(problem)
    assert output.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("product", ["", *_product_calls._EXAMPLES])
def test_calls_of_gradients_and_products(fake_cuda: FakeTensorMode, product: str) -> None:
    for direction, sizes in (("dgrad", (2, 16, 9, 9)), ("wgrad", (16, 16, 3, 3))):
        text = "_".join(filter(None, (PROBLEM.replace("fprop", direction), product)))
        gradient = _subjects.call_of(text, "cuda")()
        assert (gradient.device.type, tuple(gradient.shape)) == ("cuda", sizes)


def test_calls_of_the_gradients_of_a_weighted_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, for the operator has no kernel for fake tensors: it is called below compilers."""
    text = SUM.replace("fprop", "dgrad").replace("co16", "co24").replace("s1", "s2")
    gradients = _subjects.call_of(text)()
    assert [tuple(g.shape) for g in gradients] == [(2, 16, 9, 9), (2, 24, 9, 9)]
    assert all(g.is_contiguous(memory_format=torch.channels_last) for g in gradients)
    assert _subjects.kind_by_rule(text) == ""
    devices = []
    monkeypatch.setattr(
        _subjects, "weighted_sum_dgrad", lambda *tensors, **_: devices.extend(tensors[:5])
    )
    with FakeTensorMode():
        _subjects.call_of(text, "cuda")()
    assert {tensor.device.type for tensor in devices} == {"cuda"}


@pytest.mark.parametrize("form", ["weighted_sum_conv2d", "depthwise_separable_conv2d"])
def test_two_convolutions_in_a_row_are_called_as_the_dispatcher_says(
    fake_cuda: FakeTensorMode, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """It knows what was chosen: nothing is forced."""
    calls = []
    monkeypatch.setattr(functional, form, lambda input, *_: calls.append((input, _kinds.forced)))
    _subjects.call_of(SUM if form[0] == "w" else SEPARABLE, "cuda")()
    ((input, forced),) = calls
    assert (input.device.type, forced) == ("cuda", "auto")


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (SUM, "fused"),
        (SUM.replace("ci16", "ci33"), "unfused"),
        (SUM.replace("nhwc", "nchw"), "fused"),  # which the tuner reads as: if a kernel does it
        (SUM.replace("kh3kw3", "kh1kw1"), "composed"),
        (SUM.replace("fprop", "step"), "unfused"),
        (SEPARABLE, "unfused"),
        (PROBLEM, ""),
    ],
)
def test_the_rule_of_gpus(problem: str, kind: str) -> None:
    assert _subjects.kind_by_rule(problem, on_gpu=True) == kind


class FakeDevice:
    """A GPU whose calls take as long as the candidate that was chosen when they were captured."""

    def __init__(self, seconds_of: dict[str, float], refuses: str = "") -> None:
        self.seconds_of = seconds_of
        self.refuses = refuses  # to be captured
        self.chosen = ""
        self.clock = 0.0
        self.flushed = False
        self.called: list[str] = []

    def choose(self, candidate: str) -> None:
        if candidate == "nonsense":
            raise RuntimeError("tuned choice 'nonsense' is none that this version knows")
        self.chosen = candidate

    def call(self) -> None:
        if self.chosen == "broken":
            raise RuntimeError("an illegal memory access was encountered")
        self.called.append(self.chosen)
        self._take(self.chosen)

    def _take(self, candidate: str) -> None:
        self.clock += self.seconds_of[candidate] * (2 if self.flushed else 1)
        self.flushed = False

    def flush(self) -> None:
        self.flushed = True

    def captured(self, run: Callable[[], object], calls: int) -> Callable[[], object]:
        candidate = self.chosen
        run()
        if candidate == self.refuses:
            raise RuntimeError("operation not permitted when stream is capturing")

        def replay() -> None:
            for _ in range(calls):
                self._take(candidate)

        return replay

    def seconds(self, work: Callable[[], object]) -> float:
        start = self.clock
        work()
        return self.clock - start


def compare(device: FakeDevice, *candidates: str, cold: bool = True, **more) -> dict:
    contestants = [{"candidate": candidate, "artifact": ""} for candidate in candidates]
    job = {"contestants": contestants, "seconds": 0, "least": 3, "most": 7, **more}
    flush = device.flush if cold else None
    return _gpu_comparison.times(job, device.call, device.choose, device, flush)


def test_a_comparison_replays_what_each_candidate_runs() -> None:
    device = FakeDevice({"conv2d.cuda/co:64": 1e-5, "pytorch": 2e-3})
    times = compare(device, "conv2d.cuda/co:64", "pytorch")
    for name, of_side in times.items():
        assert of_side["seconds"] == pytest.approx([device.seconds_of[name]] * 3)
        assert of_side["cold_seconds"] == pytest.approx([2 * device.seconds_of[name]] * 3)
    warm = compare(device, "pytorch", cold=False)["pytorch"]
    assert (len(warm["seconds"]), warm["cold_seconds"]) == (3, [])


def test_rounds_end_with_the_time_or_their_number() -> None:
    device = FakeDevice({"pytorch": 1e-3})
    assert len(compare(device, "pytorch", seconds=600)["pytorch"]["seconds"]) == 7
    assert len(compare(device, "pytorch", least=5)["pytorch"]["seconds"]) == 5


def test_what_does_not_run_is_left_out() -> None:
    device = FakeDevice({"pytorch": 1e-3})
    assert set(compare(device, "nonsense", "broken", "pytorch")) == {"pytorch"}
    assert compare(device, "broken") == {}


def test_what_cannot_be_captured_runs_as_it_was_chosen() -> None:
    device = FakeDevice({"fast": 1e-4, "plain": 3e-4}, refuses="plain")
    times = compare(device, "fast", "plain")
    assert times["fast"]["seconds"] == pytest.approx([1e-4] * 3)
    assert times["plain"]["seconds"] == pytest.approx([3e-4] * 3)
    assert times["plain"]["cold_seconds"] == pytest.approx([6e-4] * 3)


KERNEL = "conv2d.cuda/engine:1"
FAKE = """#!/bin/sh
echo "$@" > {folder}/arguments
cat > {folder}/problems
read problem count < {folder}/problems
echo '{{"event": "choice", "problem": "'$problem'", "phase": 0, "seconds": 1, "reason": "R.",' \\
    '"candidate": "{candidate}"}}'
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """What a script in the place of convwright-tune was given: its "arguments" or "problems"."""
    choosing(KERNEL, tmp_path, monkeypatch)
    return lambda name: (tmp_path / name).read_text()


def choosing(candidate: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "convwright-tune"
    program.write_text(FAKE.format(folder=folder, candidate=candidate))
    program.chmod(0o755)
    monkeypatch.setattr(tuning, "find_tuner", lambda: program)


def test_a_model_on_a_gpu_is_tuned_for_it(
    told: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = SUM.replace("ci16", "ci64")  # fused on CPUs, by rule
    rows = (GEMM, GEMM, APPROXIMATE, row(PROBLEM, "conv2d_fprop_nhwc_avx2", isa="avx2"))
    rows += (row(SUM, "fused", "z:none"), row(wide, "unfused", "z:written"))
    monkeypatch.setattr(tuning, "explain", lambda *_: Explanation("avx2", rows))
    monkeypatch.setattr(tuning, "_numbered", lambda device: device)
    with FakeTensorMode():
        model, input = Layer("cuda:1"), torch.empty(1, device="cuda:1")
    with torch.backends.cudnn.flags(torch.backends.cudnn.enabled, allow_tf32=False):
        report = convwright.tune(model, input, budget=3)
    assert [(choice.problem, choice.candidate) for choice in report.choices] == [(PROBLEM, KERNEL)]
    assert "--device cuda:1 " in told("arguments") + " "
    convolutions = f"{PROBLEM} 2\n{APPROXIMATE.problem} 1\n"
    assert told("problems") == f"{convolutions}{SUM} 1 fused\n{wide} 1 unfused\n"
    assert _subjects.kind_by_rule(wide) == "fused"
    assert report.notices == ()


@without_gpu
def test_how_it_was_compared_is_said_where_calls_would_be_otherwise(
    told: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def notices(
        problem: str, allowed: bool, device: str = "cuda:0", benchmark: bool = False
    ) -> tuple[str, ...]:
        enabled = torch.backends.cudnn.enabled
        with torch.backends.cudnn.flags(enabled, benchmark, allow_tf32=allowed):
            return tuning.tune_problems([problem], device=device, budget=1).notices

    (notice,) = notices(PROBLEM, allowed=True)
    assert notice.startswith("Problems in float32 were compared without TF32")
    assert "--device cuda:0" in told("arguments")
    for problem in (PROBLEM.replace("f32", "bf16"), f"{PROBLEM}_mbm"):
        assert notices(problem, allowed=True) == ()
    (notice,) = notices(SUM, allowed=True)
    assert notice.startswith("Ways to compute two convolutions in a row were compared without TF32")
    assert notices(SUM.replace("fprop", "dgrad"), allowed=True) == ()
    assert notices(SUM, allowed=False) == ()
    assert notices(PROBLEM, allowed=False) == notices(PROBLEM, allowed=True, device="cpu") == ()
    choosing("pytorch", tmp_path, monkeypatch)  # which rounds as it is set
    (notice,) = notices(PROBLEM, allowed=True)
    assert notice.startswith("PyTorch was compared with torch.backends.cudnn.benchmark, which is")
    assert notices(PROBLEM, allowed=True, benchmark=True) == ()
    assert notices(PROBLEM, allowed=True, device="cpu") == ()


@without_gpu
@needs_tuner
def test_without_a_gpu_a_search_says_so(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(tuning.TunerMissing) as refused:
        tuning.tune_problems([PROBLEM], device="cuda", budget=1)
    assert len(str(refused.value).splitlines()) == 1
    assert "CUDA" in str(refused.value)
    with pytest.raises(ValueError, match=r"'gpu' is no device; accepted are cpu, cuda, and cuda:1"):
        tuning.tune_problems([PROBLEM], device="gpu", budget=1)
    assert main(["tune", "--problem", PROBLEM, "--device", "cuda"]) == 1
    assert capsys.readouterr().err.strip().endswith(str(refused.value))
    assert main(["tune", "--problem", PROBLEM, "--device", "cuda", "--explain"]) == 1
    assert capsys.readouterr().err.strip().endswith(str(refused.value))


@without_gpu
@pytest.mark.parametrize("command", ["tune", "explain"])
@pytest.mark.parametrize("device", ["cuda", "cuda:3", "gpu", "cuda:", "cpu:0", ""])
def test_a_model_goes_to_a_device_that_is_there(
    command: str, device: str, capsys: pytest.CaptureFixture
) -> None:
    model = ("--model", "torch.nn:Identity", "--input", "1x3")
    assert main([command, *model, "--device", device]) == 2
    sentence = f"device is {device!r}, but there are the CPU and 0 CUDA devices"
    assert sentence in capsys.readouterr().err
