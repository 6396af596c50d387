# SPDX-License-Identifier: Apache-2.0
"""bench/tuned_network.py: what is compared, and that no choice stays behind."""

import math
import os
import time
from collections.abc import Callable

import pytest
import torch

from bench import tuned_network
from convwright import _calm, _choices, _subjects

SUM = "wsum2d:fprop_n1ci8ih6iw9co16kh3kw3s1p1_f32_nhwc"

pytestmark = pytest.mark.skipif(
    torch.ops.convwright.isa() == "none", reason="there are no kernels for this CPU"
)


def compare(
    run: Callable[[], object], problem: str | None, other: str | None = None
) -> tuned_network.Rounds:
    probe = _calm.Probe(time.thread_time, 0)
    looked = tuned_network.compare(run, problem, 1, 0.01, probe, other)
    assert all(look > 0 for taken in looked.values() for _, look in taken)
    return tuned_network.calm_rounds(looked, probe)[0]


def test_three_sides_of_a_problem_and_two_of_a_network() -> None:
    run = _subjects.call_of(SUM)
    before = tuned_network.answer(run)
    times = compare(run, SUM)
    assert list(times) == ["untuned", "tuned", "PyTorch"]
    assert len({len(seconds) for seconds in times.values()}) == 1
    assert all(min(seconds) > 0 for seconds in times.values())
    assert tuned_network.answer(run) == before != "PyTorch"
    cells = tuned_network.row(times).split()
    assert len(cells) == 6
    ratio = 1 + tuned_network.lag(times, "PyTorch", "tuned").part
    assert float(cells[4]) == pytest.approx(ratio, abs=0.01)
    both = compare(run, None)
    assert list(both) == ["untuned", "tuned"]
    assert len(tuned_network.row(both).split()) == 4


def test_the_choices_of_another_database(tmp_path, monkeypatch) -> None:
    run = _subjects.call_of(SUM)
    monkeypatch.setenv("CONVWRIGHT_DB", "here")
    other = str(tmp_path / "other.db")
    times = compare(run, SUM, other)
    assert list(times) == ["untuned", "tuned", "other", "PyTorch"]
    assert len(tuned_network.row(times).split()) == 8
    with tuned_network.database(other):
        assert os.environ["CONVWRIGHT_DB"] == other
    assert os.environ["CONVWRIGHT_DB"] == "here"


def test_sides_of_one_kernel_share_their_times(tmp_path) -> None:
    problem = "fprop_n1ci8ih6iw9co16kh3kw3s1p1_f32_nhwc"
    run = _subjects.call_of(problem)
    times = compare(run, problem, str(tmp_path / "other.db"))
    assert times["untuned"] == times["tuned"] == times["other"] != times["PyTorch"]
    _choices.choose(problem, "pytorch")
    try:
        times = compare(run, problem)
    finally:
        _choices.choose(problem, "")
    assert times["untuned"] != times["tuned"] == times["PyTorch"]


def test_a_lag_is_the_median_over_the_rounds_and_an_interval() -> None:
    slow = {"tuned": [1.2, 2.4, 1.1, 1.3, 2.2, 1.2], "other": [1.0, 2.0, 1.0, 1.0, 2.0, 1.0]}
    lag = tuned_network.lag(slow, "tuned", "other")
    assert lag == pytest.approx((0.2, 0.1, 0.3))  # six of six rounds: certain
    few = {side: seconds[:5] for side, seconds in slow.items()}
    assert tuned_network.lag(few, "tuned", "other") == pytest.approx((0.2, -1, math.inf))
    # Conover's table: 21 rounds, the 6th from below and from above.
    many = {"tuned": [1 + i / 100 for i in range(21)], "other": [1.0] * 21}
    assert tuned_network.lag(many, "tuned", "other") == pytest.approx((0.1, 0.05, 0.15))


def test_how_far_problems_stay_behind_a_side() -> None:
    def times(tuned: float, **others: float) -> tuned_network.Rounds:
        return {side: 6 * [seconds] for side, seconds in {"tuned": tuned, **others}.items()}

    taken = {"a": times(1.04, other=1.0), "b": times(1.1, other=1.0), "c": times(0.9, PyTorch=1.0)}
    assert tuned_network.behind(taken, "other", 0.05) == (
        "behind other by more than 5%: certainly 1, by the median 1 of 2 problems, "
        "b +10.0% (+10% to +10%); farthest b +10.0%"
    )
    assert tuned_network.behind(taken, "PyTorch", 0.02) == (
        "behind PyTorch by more than 2%: certainly 0, by the median 0 of 1 problems; "
        "farthest c -10.0%"
    )
    assert tuned_network.behind(taken, "untuned", 0.02) == "behind untuned: not compared"


def test_rounds_of_another_visit_are_added() -> None:
    rounds: tuned_network.Looked = {}
    tuned_network.add(rounds, {"tuned": [(1.0, 0.1)], "PyTorch": [(2.0, 0.1)]})
    tuned_network.add(rounds, {"tuned": [(3.0, 0.2)], "PyTorch": [(4.0, 0.1)]})
    assert rounds == {"tuned": [(1.0, 0.1), (3.0, 0.2)], "PyTorch": [(2.0, 0.1), (4.0, 0.1)]}


def test_calm_rounds_count_where_they_are_enough() -> None:
    probe = _calm.Probe(time.thread_time, 0, shortest=1.0)
    rounds = {"tuned": 7 * [(1.0, 1.1)] + 3 * [(2.0, 1.8)], "PyTorch": 10 * [(1.5, 1.0)]}
    calm = {"tuned": 7 * [1.0], "PyTorch": 7 * [1.5]}
    assert tuned_network.calm_rounds(rounds, probe) == (calm, True)
    # One that is disturbed on one side is for all.
    rounds["PyTorch"][0] = (1.6, 1.9)
    every = {"tuned": 7 * [1.0] + 3 * [2.0], "PyTorch": [1.6] + 9 * [1.5]}
    assert tuned_network.calm_rounds(rounds, probe) == (every, False)


def test_a_step_trains() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 10))
    before = model[1].weight.detach().clone()
    tuned_network.training_step(model, torch.randn(4, 3, 2, 2))()
    assert not torch.equal(before, model[1].weight)
