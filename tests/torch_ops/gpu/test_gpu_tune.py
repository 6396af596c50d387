# SPDX-License-Identifier: Apache-2.0
"""convwright.tune for a model on a GPU: what is recorded, compared, and used afterwards."""

import json
from pathlib import Path

import pytest
import torch
from tuning_child import in_child, needs_tuner

from convwright import _choices, _comparison, _subjects, check, tuning

FPROP = "fprop_n2ci32ih9iw17co32kh3kw3s1p1_f32_nhwc"
DGRAD = "dgrad_n2ci32ih9iw17co32kh3kw3s2p1_f32_nhwc"
SUM = "wsum2d:fprop_n2ci16ih20iw20co24kh3kw3s1p1_f32_nhwc"


def candidates(problem: str) -> list[str]:
    """PyTorch and the library's own kernels; those that round to TF32 are no candidates."""
    kernels = check.kernels(problem, "cuda")
    plain = [s for name, s, _ in kernels if "index64" not in name and "mma:1" not in s.split(",")]
    generator = "conv2d_wgrad" if problem.startswith("wgrad") else "conv2d"
    return ["pytorch", *(f"{generator}.cuda/{schedule}" for schedule in plain)]


def job(problem: str, names: list[str], phase: int = 0) -> dict:
    return {
        **{"problem": problem, "phase": phase, "device": "cuda:0", "threads": 1, "seconds": 0.1},
        **{"least": 3, "most": 5, "flush_bytes": 1 << 20, "probe_seconds": 0},
        "contestants": [{"candidate": name, "artifact": ""} for name in names],
    }


@pytest.mark.parametrize(
    "problem",
    [
        FPROP,
        FPROP + "_bias_relu",
        FPROP.replace("f32", "bf16"),
        FPROP.replace("fprop", "wgrad"),
        FPROP.replace("fprop", "dgrad").replace("f32", "f16"),
    ],
)
def test_candidates_and_pytorch_are_compared(problem: str) -> None:
    names = candidates(problem)[:4]
    try:
        times = _comparison.compare(job(problem, [*names, "nonsense"]))
    finally:
        _choices.choose(problem, "")
    assert set(times) == set(names)
    for rounds in times.values():
        assert len(rounds["seconds"]) == len(rounds["cold_seconds"]) >= 3
        assert all(0 < s < 1 for s in rounds["seconds"] + rounds["cold_seconds"])


def test_all_passes_together() -> None:
    whole = _choices.WHOLE_PROBLEM
    try:
        times = _comparison.compare(job(DGRAD, ["pytorch", "passes"], whole))
    finally:
        _choices.choose(DGRAD, "", phase=whole)
    assert set(times) == {"pytorch", "passes"}


@pytest.mark.parametrize("product", ["mbm", "mbm_zeros", "log_bits", "rounded", "mantissa_table"])
@pytest.mark.parametrize("direction", ["fprop", "dgrad", "wgrad"])
def test_calls_take_the_product(product: str, direction: str) -> None:
    _subjects.call_of(f"{FPROP.replace('fprop', direction)}_{product}", "cuda:0")()


def test_fused_kernels_are_compared() -> None:
    names = [
        f"weighted_sum.cuda/{line['schedule']}"
        for line in check.library_kernels("cuda")
        if line["operator"] == "weighted_sum" and "stride:2" not in line["schedule"]
    ]
    try:
        assert _comparison.compare(job(SUM, names))
    finally:
        _choices.choose(SUM, "")


@pytest.mark.parametrize("operator", ["wsum2d", "dwsep2d"])
@pytest.mark.parametrize("with_backward", [False, True])
def test_ways_to_compute_two_convolutions_are_compared(operator: str, with_backward: bool) -> None:
    problem = SUM.replace("wsum2d", operator)
    names = ["pytorch", "unfused", "composed"]
    if with_backward:
        problem = problem.replace("fprop", "step")
        names += ["fused"] if operator == "wsum2d" else []
    try:
        times = _comparison.compare(job(problem, names))
    finally:
        _choices.choose(problem, "")
    assert set(times) == set(names)


TUNE = """
import json, torch, convwright
torch.backends.cudnn.allow_tf32 = False
torch.manual_seed(0)
model = torch.nn.Sequential(
    convwright.nn.Conv2d(32, 32, 3, padding=1), torch.nn.ReLU(), convwright.nn.Conv2d(32, 8, 1)
).to("cuda", memory_format=torch.channels_last)
x = torch.randn(4, 32, 16, 16, device="cuda").to(memory_format=torch.channels_last)
x.requires_grad_()
def rows():
    return [[r.problem, r.schedule, r.reason] for r in convwright.explain(model, x).rows]
before, expected = rows(), model(x).detach()
report = convwright.tune(model, x, train=True, budget="100s")
torch.testing.assert_close(model(x), expected)
chosen = [[t.problem, t.candidate, t.pytorch_seconds] for t in report.choices]
print(json.dumps([before, chosen, report.left, rows()]))
"""


TUNE_SUMS = """
import json, torch, convwright
torch.backends.cudnn.allow_tf32 = False
torch.manual_seed(0)
model = torch.nn.Sequential(
    convwright.nn.WeightedSumConv2d(16, 48, 3, padding=1),
    convwright.nn.DepthwiseSeparableConv2d(48, 16, 3, padding=1),
).to("cuda", memory_format=torch.channels_last)
x = torch.randn(4, 16, 16, 16, device="cuda").to(memory_format=torch.channels_last)
def rows():
    return [[r.problem, r.kernel, r.schedule, r.reason] for r in convwright.explain(model, x).rows]
expected = model(x).detach()
report = convwright.tune(model, x, train=True, budget="100s")
torch.testing.assert_close(model(x), expected)
chosen = {t.problem: t.candidate for t in report.choices}
print(json.dumps([chosen, report.left, rows()]))
"""


@needs_tuner
def test_two_convolutions_are_computed_as_was_chosen(tmp_path: Path) -> None:
    done = in_child(tmp_path, TUNE_SUMS)
    assert done.returncode == 0, done.stderr
    chosen, left, rows = json.loads(done.stdout.splitlines()[-1])
    assert not left
    steps = {problem: kind for problem, kind in chosen.items() if ":step_" in problem}
    assert {problem.partition(":")[0] for problem in steps} == {"wsum2d", "dwsep2d"}
    for problem, kind in steps.items():
        (row,) = (row for row in rows if row[0] == problem.replace("step", "fprop"))
        if kind == "pytorch":
            assert row[3] == _choices.FASTER_STEP
        else:
            assert row[1] == kind
            assert row[2].endswith(" (tuned)")


FIRST_CALL = """
import json, torch, convwright
torch.backends.cudnn.allow_tf32 = False
torch.manual_seed(0)
layer = convwright.nn.Conv2d(32, 16, 3, padding=1, bias=False).requires_grad_(False)
layer = layer.to("cuda", memory_format=torch.channels_last)
x = torch.randn(2, 32, 16, 16, device="cuda").to(memory_format=torch.channels_last)
expected = torch.nn.functional.conv2d(x, layer.weight, padding=1)
torch.testing.assert_close(layer(x), expected)
print(json.dumps([[r.schedule, r.reason] for r in convwright.explain(layer, x).rows]))
"""


@needs_tuner
def test_a_first_call_is_searched(tmp_path: Path) -> None:
    done = in_child(tmp_path, FIRST_CALL, CONVWRIGHT_TUNE="on")
    assert done.returncode == 0, done.stderr
    ((schedule, reason),) = json.loads(done.stdout.splitlines()[-1])
    assert schedule.endswith(" (tuned)") or reason == _choices.FASTER


@needs_tuner
def test_a_tuned_model_uses_what_was_chosen(tmp_path: Path) -> None:
    done = in_child(tmp_path, TUNE)
    assert done.returncode == 0, done.stderr
    before, chosen, left, after = json.loads(done.stdout.splitlines()[-1])
    assert not left
    assert len(before) == len(after) == 6
    assert {row[0].partition("_")[0] for row in before} == {"fprop", "dgrad", "wgrad"}
    assert all(seconds > 0 for _, _, seconds in chosen)
    for _, schedule, reason in after:
        assert schedule.endswith(" (tuned)") or reason == _choices.FASTER


def test_problems_of_a_model_on_a_gpu_are_those_of_the_gpu() -> None:
    layer = torch.nn.Conv2d(3, 8, 3).cuda()
    input = torch.randn(1, 3, 8, 8, device="cuda")
    assert not tuning.problems_of(layer, (input,))  # PyTorch's own
    assert tuning.device_of(layer, (input,)) == f"cuda:{torch.cuda.current_device()}"
