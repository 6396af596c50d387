# SPDX-License-Identifier: Apache-2.0
"""What is known of multipliers: speeds of two kinds of files, accuracy, and which are best."""

import pytest

from convwright.report import multipliers
from convwright.report.multipliers import Rated

COMPARED = {
    "rows": [
        {"name": "float32 layer a", "ratios": {"mbm": 0.25, "unfold bits": 0.1}},
        {"name": "8-bit layer a", "ratios": {"exact int8": 2.0}},
        {"name": "LeNet-5, step", "ratios": {"mbm": 0.5}},
    ]
}
BENCHED = {
    "rows": [
        {"multiplier": "mbm", "number_format": "float32", "direction": "fprop", "ratio": 0.64},
        {"multiplier": "mbm", "number_format": "float32", "direction": "step", "ratio": 0.9},
        {"problem": "exact", "direction": "fprop", "ratio": 1.0},
    ]
}
NETWORK = {
    "title": "A net",
    "rows": [
        {"network": "MBM", "multiplier": "mbm", "number_format": "float32", "accuracy": [0.7]},
        {"network": "DRUM", "multiplier": "drum(4)", "number_format": "int8", "accuracy": [0.6]},
        {"network": "trained", "accuracy": [0.9]},
    ],
}


def test_speeds_are_those_of_layers_forward() -> None:
    assert multipliers.speeds([COMPARED], [BENCHED]) == {
        ("mbm", "float32"): [0.25, 0.64],
        ("unfold", "bits"): [0.1],
        ("exact", "int8"): [2.0],
    }


def test_all_that_is_known_stands_together() -> None:
    speeds = multipliers.speeds([COMPARED], [BENCHED])
    mbm, exact, drum = multipliers.rate(speeds, multipliers.accuracies([NETWORK]))
    assert (mbm.label, mbm.speed) == ("mbm float32", pytest.approx(0.4))
    assert mbm.accuracy == "70.00% (A net)" and mbm.saving == 0 and mbm.energy == ""
    assert (exact.label, exact.error, exact.speed) == ("exact int8", 0, 2.0)
    assert (drum.speed, drum.saving) == (None, 54.0)
    assert "54% to 80%" in drum.energy


def test_none_beats_the_best() -> None:
    def rated(label: str, error: float, speed: float | None, saving: float = 0.0) -> Rated:
        return Rated(label, error, speed, saving, "", "")

    points = [
        rated("exact", 0.0, 1.0),
        rated("fast", 2.0, 2.0),
        rated("beaten", 3.0, 1.5),
        rated("frugal", 3.0, 1.5, 54.0),
        rated("untimed", 0.0, None),
    ]
    assert [r.label for r in multipliers.best(points)] == ["exact", "fast", "frugal"]
    plot = multipliers.error_and_speed(points)
    assert "none beats exact (0 %, 1), fast (2 %, 2), frugal (3 %, 1.5)." in plot.alt
    assert multipliers.error_and_speed(points[-1:]) is None
