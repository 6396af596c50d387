# SPDX-License-Identifier: Apache-2.0
"""How often sides are called, and what is made of the times."""

import pytest

from convwright.bench import roofline, timing
from convwright.bench.problems import Work
from convwright.bench.timing import Samples


def samples(low: float, high: float) -> Samples:
    return Samples(low, (low + high) / 2, high, best=low, rounds=7, calls=1)


def test_verdict_needs_intervals_that_are_apart() -> None:
    assert timing.verdict(samples(1, 2), samples(3, 4)) == "FAST"
    assert timing.verdict(samples(3, 4), samples(1, 2)) == "SLOW"
    assert timing.verdict(samples(1, 3), samples(2, 4)) == "AMBG"


def test_cold_sides_take_turns_with_a_flush_before_each_call() -> None:
    called: list[str] = []
    sides = {name: lambda name=name: called.append(name) for name in ("a", "b")}
    taken = timing.measure(sides, threads=1, seconds=0, flush=lambda: called.append("flush"))
    assert called[::2] == ["flush"] * len(called[::2])
    rounds = list(zip(called[1::4], called[3::4], strict=True))
    assert all(set(pair) == {"a", "b"} for pair in rounds)
    assert len(rounds) == timing.MIN_ROUNDS + 1  # the first is dropped
    assert taken.sides["a"].rounds == timing.MIN_ROUNDS
    assert taken.sides["a"].p20 <= taken.sides["a"].median <= taken.sides["a"].p80


def test_a_fast_side_is_called_more_than_once_a_sample() -> None:
    taken = timing.measure({"a": lambda: None}, threads=1, seconds=0)
    assert taken.sides["a"].calls > 1


def test_roofline_takes_the_larger_limit_of_each_pass() -> None:
    limits = roofline.Roofline(100.0, "a test", {1000: 50.0, 4000: 20.0, 16000: 10.0})
    compute, memory = Work(1e6, 1000.0), Work(1.0, 10000.0)
    assert limits.seconds([compute], cold=False) == pytest.approx(1e-5)
    # Between two sizes the faster copy counts; cold caches get the slowest, that of memory.
    assert limits.seconds([memory], cold=False) == pytest.approx(10000 / 20e9)
    assert limits.seconds([memory, compute], cold=True) == pytest.approx(1e-6 + 1e-5)


def test_peak_of_this_machine_is_measured() -> None:
    gflops, peak_of = roofline._fma_peak(1)
    assert gflops > 1
    assert peak_of == "multiply-adds in registers"
