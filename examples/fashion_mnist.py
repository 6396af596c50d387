# SPDX-License-Identifier: Apache-2.0
"""Trains a small CNN with convwright.nn.Conv2d and with torch.nn.Conv2d, side by side.

Same seed, same initial weights, same batches. Prints seconds per epoch and test accuracy, and
writes a picture of both loss curves. Exit status 1 when they did not train alike.
"""

from __future__ import annotations

import argparse
import math

import torch
from curves import write_picture
from data import DIGITS
from dataset import Dataset
from nets import parameter_count, small_cnn
from progress import TrainingProgress
from record import finish, new_record, row_of
from script import new_parser, positive, prepare, print_data, run
from side_by_side import (
    BATCH,
    LEARNING_RATE,
    MOMENTUM,
    WARM_UP_STEPS,
    Side,
    count_right,
    loss_disagreement,
    train_epoch,
    warm_up,
)

import convwright

SEED = 0
CHECKED_STEPS = 20
LOSS_LIMIT = 1e-4  # relative, over the first CHECKED_STEPS steps
ACCURACY_LIMIT = 0.5  # percent of the test images
DIGITS_LIMIT = 3  # images: one of the few hundred test digits alone is 0.3 percent


def parse_options() -> argparse.Namespace:
    parser = new_parser(__doc__.splitlines()[0], picture="fashion_mnist.png")
    parser.add_argument(
        "--epochs", type=positive, metavar="N", help="default: 3, on the few digits 40"
    )
    return parser.parse_args()


def print_what_is_done(dataset: Dataset, train_count: int, model: torch.nn.Module) -> None:
    print_data(dataset, train_count, len(dataset.test_labels))
    print(f"network   3 convolutions, {parameter_count(model)} parameters, seed {SEED}")
    print(f"training  SGD {LEARNING_RATE}, momentum {MOMENTUM}, batch {BATCH}")
    print(f"threads   {torch.get_num_threads()}")
    print(
        f"timing    each batch goes to both networks, taking turns at being first; training\n"
        f"          steps only, after {WARM_UP_STEPS} steps that are taken back"
    )


def train(sides: list[Side], dataset: Dataset, train_count: int, epochs: int) -> None:
    """Trains all sides and notes their test accuracy after each epoch."""
    images = torch.from_numpy(dataset.train_images[:train_count])
    labels = torch.from_numpy(dataset.train_labels[:train_count])
    test_images = torch.from_numpy(dataset.test_images)
    test_labels = torch.from_numpy(dataset.test_labels)
    warm_up(sides, images[:BATCH], labels[:BATCH])
    with TrainingProgress(epochs, train_count) as progress:
        for epoch in range(epochs):
            train_epoch(
                sides,
                images,
                labels,
                seed=SEED + epoch,
                after_step=lambda done: progress.advance(done, sides[0].losses[-1]),
            )
            for side in sides:
                side.right.append(count_right(side.model, test_images, test_labels))


def print_results(ours: Side, theirs: Side, test_count: int) -> None:
    """Seconds and accuracy of about ten epochs, and of all together."""
    epochs = len(ours.seconds)
    stride = math.ceil(epochs / 10)
    print(f"{'':12}{ours.name:>26}{theirs.name:>26}{'ratio of':>10}")
    print(f"{'':12}" + 2 * f"{'seconds':>14}{'accuracy':>12}" + f"{'seconds':>10}")
    for i in range((epochs - 1) % stride, epochs, stride):
        cells = "".join(
            f"{side.seconds[i]:14.2f}{100 * side.right[i] / test_count:11.2f}%"
            for side in (ours, theirs)
        )
        print(f"{f'epoch {i + 1}':12}{cells}{ours.seconds[i] / theirs.seconds[i]:10.2f}")
    a, b = sum(ours.seconds), sum(theirs.seconds)
    print(f"{f'all {epochs}':12}{a:14.2f}{'':12}{b:14.2f}{'':12}{a / b:10.2f}")


def disagreements(ours: Side, theirs: Side, dataset: Dataset) -> list[str]:
    """What is further apart than rounding explains, a sentence each; prints the comparison too."""
    print()
    sentence = loss_disagreement(ours, theirs, CHECKED_STEPS, LOSS_LIMIT)
    found = [sentence] if sentence else []

    test_count = len(dataset.test_labels)
    apart = abs(ours.right[-1] - theirs.right[-1])
    if dataset.name == DIGITS:
        limit, unit = DIGITS_LIMIT, f"{DIGITS_LIMIT} images"
    else:
        limit, unit = ACCURACY_LIMIT / 100 * test_count, f"{ACCURACY_LIMIT} points"
    print(
        f"test accuracy: {apart} of {test_count} images apart, "
        f"{100 * apart / test_count:.2f} points (limit {unit})"
    )
    if apart > limit:
        found.append(f"Test accuracy differs by {apart} of {test_count} images, more than {unit}.")
    return found


def main() -> int:
    options = parse_options()
    dataset, train_count = prepare(options)
    epochs = options.epochs or (40 if dataset.name == DIGITS else 3)

    sides = []
    for name, conv in (
        ("convwright.nn.Conv2d", convwright.nn.Conv2d),
        ("torch.nn.Conv2d", torch.nn.Conv2d),
    ):
        torch.manual_seed(SEED)
        sides.append(
            Side(name, small_cnn(conv, image_size=dataset.image_size, channels=dataset.channels))
        )
    ours, theirs = sides
    title = f"A small CNN on {dataset.name}"
    record = new_record(options.record, title, "seconds of training")

    print_what_is_done(dataset, train_count, ours.model)
    batch = torch.from_numpy(dataset.train_images[:BATCH])
    print(f"\nkernels of convwright in one step:\n{convwright.explain(ours.model, batch)}\n")
    train(sides, dataset, train_count, epochs)

    print_results(ours, theirs, len(dataset.test_labels))
    found = disagreements(ours, theirs, dataset)
    write_picture(
        options.out,
        f"{title}: {ours.name} beside {theirs.name}",
        (ours.name, ours.losses),
        (theirs.name, theirs.losses),
        min(CHECKED_STEPS, len(ours.losses)),
        LOSS_LIMIT,
    )
    print(f"picture: {options.out}")
    test_count = len(dataset.test_labels)
    finish(record, (row_of(side, test_count, sum(side.seconds)) for side in sides))
    print("\n".join(found) or "Both trained alike.")
    return 1 if found else 0


if __name__ == "__main__":
    run(main)
