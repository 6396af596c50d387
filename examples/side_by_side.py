# SPDX-License-Identifier: Apache-2.0
"""Trains several networks on the same batches, and times them fairly.

All networks take each batch before the next is drawn, and the order among them rotates from step
to step: a slower minute of the machine hits all alike, and none always finds the batch in the cache
that another has just warmed.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

import torch
from torch import nn

BATCH = 64
LEARNING_RATE = 0.01
MOMENTUM = 0.9
WARM_UP_STEPS = 3
TEST_BATCH = 1000

T = TypeVar("T")


@dataclass
class Side:
    """One network and what came of it."""

    name: str
    model: nn.Module
    learning_rate: float = LEARNING_RATE
    decay_steps: int | None = None  # the rate falls to zero in a line over so many steps, or stays
    losses: list[float] = field(default_factory=list)  # one for each step
    step_seconds: list[float] = field(default_factory=list)  # one for each step
    seconds: list[float] = field(default_factory=list)  # per epoch, training steps only
    inference_seconds: list[float] = field(default_factory=list)  # one for each timed batch
    right: list[int] = field(default_factory=list)  # test images classified right, per epoch

    def __post_init__(self) -> None:
        self.optimizer = self.new_optimizer()
        end, steps = (0.0, self.decay_steps) if self.decay_steps else (1.0, 1)
        self.schedule = torch.optim.lr_scheduler.LinearLR(self.optimizer, 1.0, end, steps)

    def new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), lr=self.learning_rate, momentum=MOMENTUM)

    @property
    def step_time(self) -> float:
        """Seconds of a training step, the median."""
        return median(self.step_seconds)

    @property
    def inference_time(self) -> float:
        """Seconds of a batch without gradients, the median."""
        return median(self.inference_seconds)


def step(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor, labels: torch.Tensor
) -> float:
    """One step of gradient descent; returns the loss before it."""
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def warm_up(sides: list[Side], images: torch.Tensor, labels: torch.Tensor) -> None:
    """A few steps on one batch, taken back: what happens only once is then not in the timings.

    On the networks themselves, not on copies, because a compiled copy would compile again.
    """
    for side in sides:
        state = copy.deepcopy(side.model.state_dict())
        optimizer = side.new_optimizer()
        for _ in range(WARM_UP_STEPS):
            step(side.model, optimizer, images, labels)
        optimizer.zero_grad()
        side.model.load_state_dict(state)


def train_epoch(
    sides: list[Side],
    images: torch.Tensor,
    labels: torch.Tensor,
    seed: int,
    after_step: Callable[[int], None],
    batch: int = BATCH,
) -> None:
    """Shows every image once to every side, in an order that depends on `seed` only.

    Dropout draws the same numbers for every side. `after_step` is called with the number of images
    of each step.
    """
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    first = len(sides[0].step_seconds)
    for number, chosen in enumerate(order.split(batch)):
        shown, targets = images[chosen], labels[chosen]
        state = torch.get_rng_state()
        for side in rotated(sides, number):
            torch.set_rng_state(state)
            start = time.perf_counter()
            loss = step(side.model, side.optimizer, shown, targets)
            side.step_seconds.append(time.perf_counter() - start)
            side.losses.append(loss)
            side.schedule.step()
        after_step(len(chosen))
    for side in sides:
        side.seconds.append(sum(side.step_seconds[first:]))


@torch.no_grad()
def time_inference(sides: list[Side], images: torch.Tensor, rounds: int) -> None:
    """Shows one batch of images `rounds` times to every side, after warming up."""
    for side in sides:
        with evaluating(side.model):
            for _ in range(WARM_UP_STEPS):
                side.model(images)
    for number in range(rounds):
        for side in rotated(sides, number):
            with evaluating(side.model):
                start = time.perf_counter()
                side.model(images)
                side.inference_seconds.append(time.perf_counter() - start)


@torch.no_grad()
def count_right(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> int:
    """How many images get their own label."""
    right = 0
    with evaluating(model):
        for shown, targets in zip(images.split(TEST_BATCH), labels.split(TEST_BATCH), strict=True):
            right += int((model(shown).argmax(dim=1) == targets).sum())
    return right


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Dropout off and batch norm by its running statistics; afterwards as before."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def rotated(items: Sequence[T], turn: int) -> Iterator[T]:
    """All items, beginning with another one each turn."""
    return (items[(turn + i) % len(items)] for i in range(len(items)))


def largest_relative_difference(ours: list[float], theirs: list[float], steps: int) -> float:
    """Over the first `steps` losses, relative to `theirs`. A NaN on either side is infinite."""
    a = torch.tensor(ours[:steps], dtype=torch.float64)
    b = torch.tensor(theirs[:steps], dtype=torch.float64)
    return float(((a - b).abs() / b.abs()).nan_to_num(nan=torch.inf).max())


def loss_disagreement(ours: Side, theirs: Side, steps: int, limit: float) -> str | None:
    """A sentence when the first `steps` losses are further apart than `limit`, relative to theirs;
    prints the comparison too."""
    checked = min(steps, len(ours.losses))
    difference = largest_relative_difference(ours.losses, theirs.losses, checked)
    print(
        f"losses of the first {checked} steps, {ours.name} and {theirs.name}:\n"
        f"  largest relative difference {difference:.1e} (limit {limit:g})"
    )
    if difference <= limit:
        return None
    return (
        f"The losses of the first {checked} steps of {ours.name} and {theirs.name} differ by "
        f"{difference:.1e}, more than {limit:g} relative."
    )
