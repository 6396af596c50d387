# SPDX-License-Identifier: Apache-2.0
"""Tuning of approximate convolutions: their problems, comparisons, and what runs afterwards."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from test_tuning import job
from tuning_child import in_child, needs_kernels, needs_tuner

import convwright
from convwright import _choices, _comparison, _first_calls, _product_calls, _subjects, tuning
from convwright.cli import main

PROBLEM = "fprop_n2ci4ih6iw6co8kh3kw3s1p1_f32_nchw"
PRODUCTS = sorted(_product_calls._EXAMPLES)

pytestmark = needs_kernels


def layer(**settings: Any) -> torch.nn.Module:
    return convwright.nn.ApproxConv2d(4, 8, 3, padding=1, bias=False, **settings)


def images() -> torch.Tensor:
    return torch.randn(2, 4, 6, 6)


def kernels_of(product: str) -> list[str]:
    """Candidates of the library's own kernels."""
    found = []
    for line in torch.ops.convwright.library_kernels().splitlines():
        device, operator, _, schedule, isa, *_ = line.split("\t")
        if (device, operator) == ("cpu", f"approx_conv2d {product}"):
            found.append(f"approx_conv2d.{isa}/{schedule}")
    return [text for text in found if "avx2" in text or torch.ops.convwright.isa() == "avx512"]


@pytest.fixture
def choose() -> Iterator:
    """_choices.choose, undone at the end."""
    chosen = set()

    def do(problem: str, candidate: str, phase: int = 0) -> None:
        _choices.choose(problem, candidate, phase=phase)
        chosen.add((problem, phase))

    yield do
    for problem, phase in chosen:
        _choices.choose(problem, "", phase=phase)


@pytest.mark.parametrize("direction", ["fprop", "dgrad", "wgrad"])
@pytest.mark.parametrize("product", PRODUCTS)
def test_calls_for_comparisons_take_the_product(product: str, direction: str) -> None:
    problem = f"{PROBLEM.replace('fprop', direction)}_{product}"
    rows = convwright.explain(_subjects.call_of(problem)).rows
    assert [_subjects.of_row(row) for row in rows] == [problem]


def test_problems_of_a_model_name_the_product_of_its_operands() -> None:
    net = torch.nn.Sequential(layer(multiplier="mbm(3)", backward="approx"), torch.nn.ReLU())
    assert tuning.problems_of(net, (images(),)) == {f"{PROBLEM}_mbm": 1}
    trained = tuning.problems_of(net, (images().requires_grad_(),), train=True)
    wgrad = PROBLEM.replace("fprop", "wgrad")
    # The gradients that ReLU stops are zeros.
    assert trained == {
        f"{PROBLEM}_mbm": 1,
        f"{PROBLEM.replace('fprop', 'dgrad')}_mbm": 1,
        f"{wgrad}_mbm_zeros": 1,
    }
    with torch.no_grad():
        net[0].weight[0, 0, 0, 0] = 0
        assert tuning.problems_of(net, (images(),)) == {f"{PROBLEM}_mbm_zeros": 1}
        net[0].weight[0, 0, 0, 0] = 3e38
        assert tuning.problems_of(net, (images(),)) == {f"{PROBLEM}_log_bits": 1}


def test_straight_through_gradients_are_those_of_exact_convolutions() -> None:
    net = layer(multiplier="mbm")
    trained = tuning.problems_of(net, (images(),), train=True)
    assert trained == {f"{PROBLEM}_mbm": 1, PROBLEM.replace("fprop", "wgrad"): 1}


@pytest.mark.parametrize("product", ["mbm", "mitchell"])
def test_explain_shows_what_was_tuned_and_bits_stay(product: str, choose: Any) -> None:
    module, input = layer(multiplier=product).requires_grad_(False), images()
    expected = module(input)
    for candidate in kernels_of(product):
        choose(f"{PROBLEM}_{product}", candidate)
        row = convwright.explain(module, input).rows[-1]
        assert row.schedule == candidate.partition("/")[2] + " (tuned)"
        assert _subjects.was_chosen(row)
        assert torch.equal(module(input), expected)
    # One search serves all multipliers with this product, and no other.
    other = layer(multiplier="lmul(3)").requires_grad_(False)
    schedule = convwright.explain(other, input).rows[-1].schedule
    assert schedule.endswith(" (tuned)") == (product == "mitchell")


def test_passes_of_a_strided_gradient_are_chosen_by_themselves(choose: Any) -> None:
    problem = "dgrad_n1ci4ih9iw9co8kh3kw3s2p1_f32_nchw_mbm"
    call = _subjects.call_of(problem)
    expected = call()
    for candidate in kernels_of("mbm"):
        for phase in range(4):
            choose(problem, candidate, phase)
        row = convwright.explain(call).rows[0]
        assert row.schedule == f"{candidate.partition('/')[2]} (tuned)"
        assert torch.equal(call(), expected)


def test_compare_times_kernels_of_products_and_nothing_else() -> None:
    problem = f"{PROBLEM}_mbm_zeros"
    shipped = kernels_of("mbm_zeros")
    try:
        contestants = job("pytorch", "passes", *shipped) | {"problem": problem}
        assert set(_comparison.compare(contestants)) == set(shipped)
    finally:
        _choices.choose(problem, "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{PROBLEM}_mbn", "'mbn' is unknown; known are"),
        (f"{PROBLEM}_bias_mbm_bias", "unknown"),
        (f"wsum2d:{PROBLEM}_mbm", "mbm"),
    ],
)
def test_what_is_no_product_is_a_wrong_use(
    text: str, sentence: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["tune", "--problem", text, "--budget", "1"]) == 2
    assert sentence in capsys.readouterr().err


def test_first_calls_search_the_product_that_operands_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Counter[str]] = []
    monkeypatch.setattr(_first_calls, "pending", True)
    monkeypatch.setattr(_first_calls, "_mode_is_on", lambda: True)
    monkeypatch.setattr(_first_calls, "_seen", set())
    monkeypatch.setattr(tuning, "tune_problems", lambda problems, **_: made.append(problems))
    module, input = layer(multiplier="mbm", backward="approx"), images()
    module(input)
    module(input)
    wgrad = PROBLEM.replace("fprop", "wgrad")
    assert [set(problems) for problems in made] == [{f"{PROBLEM}_mbm", f"{wgrad}_mbm"}]


LAYER = """
import hashlib, json, torch, convwright
torch.manual_seed(0)
settings = {"multiplier": "mbm", "padding": 1, "bias": False}
layer = convwright.nn.ApproxConv2d(8, 16, 3, **settings).requires_grad_(False)
x = torch.randn(1, 8, 9, 9)
def show():
    bits = hashlib.sha256(layer(x).contiguous().numpy().tobytes()).hexdigest()
    row = convwright.explain(layer, x).rows[-1]
    print(json.dumps([row.problem, row.schedule, bits]))
"""
TUNE = """
report = convwright.tuning.tune(layer, x, budget="4s")
tuned, = report.choices
print(json.dumps([tuned.problem, tuned.candidate, tuned.pytorch_seconds, report.left]))
"""


BYTES_ON_CPUS = (
    "CPUs compute 8-bit products by engines that have no schedules to choose from; "
    "`convwright-tune search --device cuda` searches those of a GPU.\n"
)


@pytest.mark.parametrize("name", ["exact_int8", "dot_s8", "dot_s8x3", "table16", "drum(4)_uint8"])
@needs_tuner
def test_problems_of_bytes_are_left_out_with_a_sentence(
    name: str, capfd: pytest.CaptureFixture
) -> None:
    assert main(["tune", "--dry-run", "--problem", f"{PROBLEM}_{name}"]) == 0
    product = {"exact_int8": "dot_s8", "drum(4)_uint8": "dot_u8"}.get(name, name)
    assert capfd.readouterr().out == f"{PROBLEM}_{product}: {BYTES_ON_CPUS}"


def test_models_with_quantised_layers_say_what_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quantised = [layer(multiplier="mbm", number_format=f) for f in ("int8", "uint8")]
    net = torch.nn.ModuleList([*quantised, layer(multiplier="mbm")]).requires_grad_(False)
    convwright.quantisation.calibrate_(quantised[0], [images()])
    convwright.quantisation.calibrate_(quantised[1], [images()])

    def run(x: torch.Tensor) -> list[torch.Tensor]:
        return [module(x) for module in net]

    problems, sentences = tuning.record(run, (images(),))
    assert problems == {f"{PROBLEM}_mbm": 1}
    why = "left out: CPUs compute them by engines that have no schedules to choose from."
    assert sentences == (f"2 calls of 8-bit products are {why}",)
    monkeypatch.setattr(tuning, "tune_problems", lambda *_, **__: tuning.Report((), {}, ("other",)))
    assert tuning.tune(run, images()).notices == (*sentences, "other")
    alone = tuning.record(quantised[0], (images(),))
    assert alone == ({}, (f"1 call of 8-bit products is {why}",))
    assert tuning.record(net[2], (images(),))[1] == ()


@needs_tuner
def test_a_tuned_layer_uses_what_was_chosen(tmp_path: Path) -> None:
    done = in_child(tmp_path, LAYER + "show()\n" + TUNE + "show()")
    assert done.returncode == 0, done.stderr
    before, (problem, candidate, pytorch, left), after = map(json.loads, done.stdout.splitlines())
    assert problem == before[0] == "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nchw_mbm"
    assert "(tuned)" not in before[1]
    assert candidate.startswith("approx_conv2d.")
    assert (pytorch, left) == (None, {})
    assert after[1] == candidate.partition("/")[2] + " (tuned)"
    assert after[2] == before[2]
    assert json.loads(in_child(tmp_path, LAYER + "show()").stdout) == after


@needs_tuner
def test_looking_at_products_measures_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVWRIGHT_DB", raising=False)
    strided = "dgrad_n1ci4ih9iw9co8kh3kw3s2p1_f32_nchw_mbm"
    assert main(["tune", "--dry-run", "--problem", strided]) == 0
    listed = capfd.readouterr().out
    assert f"{strided} pass 3" in listed and "pass -1" not in listed
    assert "approx_conv2d." in listed and "pytorch" not in listed
    assert main(["tune", "--explain", "--problem", strided]) == 0
    assert "not tuned on this device" in capfd.readouterr().out
    assert not (tmp_path / "cache").exists()
