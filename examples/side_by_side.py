# SPDX-License-Identifier: Apache-2.0
"""Trains several networks on the same batches, fairly timed.

All networks take each batch before the next is drawn, and the order among them rotates from step
to step: a slower minute of the machine hits all alike, and none always finds the batch in the cache
that another has just warmed.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

BATCH = 64
LEARNING_RATE = 0.01
MOMENTUM = 0.9
WARM_UP_STEPS = 3


@dataclass
class Side:
    """One network and what came of its training."""

    name: str
    model: nn.Module
    losses: list[float] = field(default_factory=list)  # one for each step
    seconds: list[float] = field(default_factory=list)  # per epoch, training steps only
    right: list[int] = field(default_factory=list)  # test images classified right, per epoch

    def __post_init__(self) -> None:
        self.optimizer = new_optimizer(self.model)


def new_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)


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
    """A few steps of copies, so that what happens only once per process is not in the timings."""
    for side in sides:
        model = copy.deepcopy(side.model)
        optimizer = new_optimizer(model)
        for _ in range(WARM_UP_STEPS):
            step(model, optimizer, images[:BATCH], labels[:BATCH])


def train_epoch(
    sides: list[Side],
    images: torch.Tensor,
    labels: torch.Tensor,
    seed: int,
    after_step: Callable[[int], None],
) -> None:
    """Shows every image once to every side, in an order that depends on `seed` only.

    `after_step` is called with the number of images of each step.
    """
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    seconds = [0.0] * len(sides)
    for number, chosen in enumerate(order.split(BATCH)):
        batch, targets = images[chosen], labels[chosen]
        for turn in range(len(sides)):
            index = (number + turn) % len(sides)
            side = sides[index]
            start = time.perf_counter()
            loss = step(side.model, side.optimizer, batch, targets)
            seconds[index] += time.perf_counter() - start
            side.losses.append(loss)
        after_step(len(chosen))
    for side, spent in zip(sides, seconds, strict=True):
        side.seconds.append(spent)


@torch.no_grad()
def count_right(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> int:
    """How many images get their own label."""
    right = 0
    for batch, targets in zip(images.split(1000), labels.split(1000), strict=True):
        right += int((model(batch).argmax(dim=1) == targets).sum())
    return right


def largest_relative_difference(ours: list[float], theirs: list[float], steps: int) -> float:
    """Over the first `steps` losses, relative to `theirs`. A NaN on either side is infinite."""
    a = torch.tensor(ours[:steps], dtype=torch.float64)
    b = torch.tensor(theirs[:steps], dtype=torch.float64)
    return float(((a - b).abs() / b.abs()).nan_to_num(nan=torch.inf).max())
