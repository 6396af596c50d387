# SPDX-License-Identifier: Apache-2.0
"""Curves of trainings, and what no other point beats."""

import numpy as np
import pytest

from convwright.report import networks
from convwright.report.networks import running_mean
from convwright.report.pareto import pareto_front


def test_running_mean_keeps_the_ends_and_straight_lines() -> None:
    losses = [3.0, *np.linspace(2.0, 1.0, 300), 5.0]
    mean = running_mean(losses)
    assert (mean[0], mean[-1]) == (3.0, pytest.approx(5.0))
    assert mean[10:-10] == pytest.approx(np.array(losses)[10:-10])


def test_the_pareto_front_by_hand() -> None:
    points = [("a", 1.0, 0.5), ("b", 2.0, 0.4), ("c", 3.0, 0.9), ("d", 1.0, 0.6), ("e", 0.0, 0.1)]
    front = pareto_front(points, lambda p: (p[1], -p[2]))
    assert [name for name, *_ in front] == ["e", "d", "c"]
    # A third criterion lets a point in that is beaten in the first two; equal ones stay together.
    third = {"a": 0.0, "b": 9.0}
    front = pareto_front([*points, points[-1]], lambda p: (p[1], -p[2], -third.get(p[0], 0.0)))
    assert [name for name, *_ in front] == ["e", "e", "d", "b", "c"]


def test_what_has_no_plot() -> None:
    tested = {"title": "t", "cost": "s", "rows": [{"network": "n", "accuracy": [1.0], "cost": 2}]}
    assert networks.training(tested, "x") is None
    assert networks.accuracy_and_cost(tested, "x") is None
