# SPDX-License-Identifier: Apache-2.0
"""convwright._first_calls: CONVWRIGHT_TUNE=on."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import convwright
from convwright import _choices, _first_calls, _library, functional, tuning
from convwright._choices import FASTER

pytestmark = pytest.mark.skipif(
    torch.ops.convwright.isa() == "none", reason="there are no kernels for this CPU"
)
PROBLEM = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[Counter[str]]:
    """The mode is "on", and searches are noted instead of run."""
    made: list[Counter[str]] = []

    def note(problems: Counter[str], *, device: str, budget: float) -> None:
        assert device == "cpu"
        assert budget == _first_calls.SECONDS_PER_PROBLEM * len(problems)
        made.append(problems)

    monkeypatch.setattr(_first_calls, "pending", True)
    monkeypatch.setattr(_first_calls, "_mode_is_on", lambda: True)
    monkeypatch.setattr(_first_calls, "_seen", set())
    monkeypatch.setattr(tuning, "tune_problems", note)
    return made


def images(channels: int = 8, size: int = 9) -> torch.Tensor:
    return torch.randn(1, channels, size, size).contiguous(memory_format=torch.channels_last)


def conv(**settings: Any) -> torch.nn.Module:
    layer = convwright.nn.Conv2d(8, 16, 3, padding=1, bias=False, **settings)
    return layer.to(memory_format=torch.channels_last)


def test_a_call_is_searched_once_with_its_backward(searches: list) -> None:
    layer, input = conv(), images().requires_grad_()
    output = layer(input)
    assert searches == [
        {PROBLEM: 1, PROBLEM.replace("fprop", "dgrad"): 1, PROBLEM.replace("fprop", "wgrad"): 1}
    ]
    output.sum().backward()  # nobody's gradient but this one
    expected = torch.nn.functional.conv2d(input.detach(), layer.weight, padding=1)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(
        layer.weight.grad, torch.autograd.grad(expected.sum(), layer.weight)[0]
    )
    layer(input)
    conv()(images().requires_grad_())  # other tensors, the same problem
    assert len(searches) == 1


def test_other_sizes_and_calls_without_gradients_are_other_calls(searches: list) -> None:
    layer = conv()
    with torch.no_grad():
        layer(images())
        layer(images())
        layer(images(size=10))
    assert searches == [{PROBLEM: 1}, {PROBLEM.replace("ih9iw9", "ih10iw10"): 1}]


def test_every_operator_is_searched(searches: list) -> None:
    with torch.no_grad():
        functional.conv2d_relu(images(), torch.randn(16, 8, 3, 3), padding=1)
        convwright.nn.WeightedSumConv2d(8, 16, 3, bias=False)(images())
        convwright.nn.DepthwiseSeparableConv2d(8, 16, 3, bias=False)(images())
    assert [next(iter(problems)).partition("_")[0] for problems in searches] == [
        "fprop",
        "wsum2d:fprop",
        "dwsep2d:fprop",
    ]


def test_what_has_a_choice_is_left_alone(searches: list) -> None:
    layer = conv().requires_grad_(False)
    for candidate in (
        "pytorch",
        "conv2d." + "/".join(convwright.check.kernels(PROBLEM)[0][2:0:-1]),
    ):
        _choices.choose(PROBLEM, candidate)
        _first_calls._seen.clear()
        layer(images())
    _choices.choose(PROBLEM, "")
    assert searches == []


def test_a_call_on_a_gpu_is_searched_there(searches: list, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        tuning, "untuned_problems", lambda *_, on_gpu: Counter([PROBLEM] if on_gpu else [])
    )
    monkeypatch.setattr(tuning, "tune_problems", lambda problems, **how: asked.append(how))
    budget = _first_calls.SECONDS_PER_PROBLEM
    with FakeTensorMode():
        first, second = (torch.empty(1, 2, 3, 3, device=f"cuda:{index}") for index in (0, 1))
        for tensor in (second, second, first):
            _first_calls.tune(functional.conv2d, tensor, tensor)
        _first_calls.tune(functional.conv2d, first, second)  # which the call will refuse
        monkeypatch.setattr(_first_calls, "_is_capturing", lambda: True)
        _first_calls.tune(functional.conv2d, first, first, first)
    assert asked == [{"device": f"cuda:{index}", "budget": budget} for index in (1, 0)]


def test_explain_searches_nothing(searches: list) -> None:
    layer, input = conv(), images()
    convwright.explain(layer, input)
    assert searches == []
    layer(input)
    assert len(searches) == 1


@pytest.mark.parametrize(
    "kind", [tuning.TunerMissing, ValueError, OSError], ids=lambda kind: kind.__name__
)
def test_where_nothing_can_be_searched_calls_run_and_say_so_once(
    kind: type[Exception], searches: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise kind("convwright-tune is not there.")

    monkeypatch.setattr(tuning, "tune_problems", missing)
    layer, input = conv().requires_grad_(False), images()
    with pytest.warns(
        UserWarning, match="CONVWRIGHT_TUNE is on, but nothing is tuned: convwright-t"
    ):
        output = layer(input)
    torch.testing.assert_close(output, torch.nn.functional.conv2d(input, layer.weight, padding=1))
    layer(images(size=10))  # without a word
    assert not _first_calls.pending


def test_other_modes_search_nothing(searches: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_first_calls, "_mode_is_on", lambda: False)
    conv()(images())
    assert searches == []
    assert not _first_calls.pending


PROGRAM = """
import json, torch, convwright
from convwright import _first_calls
_first_calls.SECONDS_PER_PROBLEM = 1.0
layer = convwright.nn.Conv2d(8, 16, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
layer.requires_grad_(False)
x = torch.randn(1, 8, 9, 9).to(memory_format=torch.channels_last)
torch.testing.assert_close(layer(x), torch.nn.functional.conv2d(x, layer.weight, padding=1))
row, = convwright.explain(layer, x).rows
print(json.dumps([row.kernel, row.schedule, row.reason]))
"""


def run(folder: Path, mode: str) -> subprocess.CompletedProcess:
    own = {"CONVWRIGHT_CACHE_DIR": str(folder), "CONVWRIGHT_TUNE": mode, "OMP_NUM_THREADS": "1"}
    own["PYTHONPATH"] = str(Path(convwright.__file__).parents[1])
    own["CONVWRIGHT_LIBRARY"] = str(_library.find())
    kept = {name: value for name, value in os.environ.items() if name != "CONVWRIGHT_DB"}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=kept | own, capture_output=True, text=True)


def test_on_tunes_and_cached_uses_it(tmp_path: Path) -> None:
    try:
        tuning.find_tuner()
    except tuning.TunerMissing:
        pytest.skip("convwright-tune was not built")
    first = run(tmp_path, "on")
    assert first.returncode == 0, first.stderr
    kernel, schedule, reason = json.loads(first.stdout)
    assert schedule.endswith(_choices.MARKS) or (kernel, reason) == ("PyTorch", FASTER)
    assert json.loads(run(tmp_path, "cached").stdout) == [kernel, schedule, reason]


def test_a_wrong_mode_is_named_at_the_first_call(tmp_path: Path) -> None:
    done = run(tmp_path, "always")
    assert done.returncode == 1
    assert "CONVWRIGHT_TUNE is 'always'; accepted are off, cached and on." in done.stderr
