# SPDX-License-Identifier: Apache-2.0
"""convwright._calm: whether others are at work on the core, by a machine that tests make up."""

from collections.abc import Callable, Iterator

import pytest

from convwright import _calm


class Machine:
    """A clock that only looks at the core move: each takes as long as the next of `looks`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: list[float]) -> None:
        self.looks: Iterator[float] = iter(looks)
        self.now = 0.0
        self.slept = 0.0
        self.started = False
        monkeypatch.setattr(_calm.time, "sleep", self.sleep)
        monkeypatch.setattr(_calm.time, "monotonic", lambda: self.now)

    def clock(self) -> float:
        """Called in front of the work and behind it."""
        if self.started:
            self.now += next(self.looks)
        self.started = not self.started
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += seconds

    def sample(self, seconds: float = 0.01) -> Callable[[], str]:
        def run() -> str:
            self.now += seconds
            return "sample"

        return run


def test_a_calm_sample_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, [1e-4, 1.1e-4])
    probe = _calm.Probe(machine.clock, patience=1)
    assert probe.undisturbed(machine.sample()) == ("sample", pytest.approx(1.1e-4))
    assert machine.slept == 0
    assert probe.is_calm(1.2e-4)
    assert not probe.is_calm(1.8e-4)


def test_waits_until_others_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, [1.8e-4, 1.8e-4, 1e-4, 1e-4])
    probe = _calm.Probe(machine.clock, patience=1, shortest=1e-4)
    assert probe.undisturbed(machine.sample()) == ("sample", pytest.approx(1e-4))
    assert machine.slept > 0


def test_a_disturbed_sample_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, [1e-4, 1.8e-4, 1e-4, 1e-4])
    probe = _calm.Probe(machine.clock, patience=1)
    assert probe.undisturbed(machine.sample()) == ("sample", pytest.approx(1e-4))
    assert probe.patience == pytest.approx(1 - 0.01, abs=1e-3)


def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, [1.8e-4] * 100)
    probe = _calm.Probe(machine.clock, patience=0.05, shortest=1e-4)
    assert probe.undisturbed(machine.sample()) == ("sample", pytest.approx(1.8e-4))
    assert machine.slept <= 0.05 + 1e-9
    # Without any every sample is as it comes.
    before = machine.slept
    assert probe.undisturbed(machine.sample())[1] == pytest.approx(1.8e-4)
    assert machine.slept == before
