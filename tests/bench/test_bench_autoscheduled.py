# SPDX-License-Identifier: Apache-2.0
"""The convolution that Halide's autoscheduler schedules: exact on integers, in every direction."""

import pytest
import torch

pytest.importorskip("halide")

from convwright.bench import problems, sides
from convwright.bench.rows import Bench, Task

PROBLEM = "fprop_n2ci4ih7iw6co6kh3kw2s2x1p1x0d1x2g2_f32_nhwc_bias"


@pytest.mark.parametrize("direction", ["fprop", "dgrad", "wgrad"])
def test_equals_pytorch(direction: str) -> None:
    problem, _ = problems.parse(PROBLEM)
    # In [-3, 3] every partial sum is exact in float32.
    operands = sides.draw(problem).map(lambda t: t.clamp(-3, 3).round())
    made = sides.autoscheduled_side(problem, direction, operands, threads=1)
    with sides.mode(direction):
        plain = sides.make_sides(problem, direction, operands)
        for got, want in zip(made(), plain[sides.REFERENCE](), strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_what_it_does_not_have_is_a_note() -> None:
    problem, _ = problems.parse(PROBLEM)
    bench = Bench(1, 0.01, None, None, extras=("autoscheduler",))
    row = bench.measure(Task("a suite", problem, "step", "warm"))
    assert sides.AUTOSCHEDULED not in row["seconds"]
    assert f"{sides.AUTOSCHEDULED} could not be made: it has no step" in row["notes"]
    assert row["repeat"].endswith("--autoscheduler")
