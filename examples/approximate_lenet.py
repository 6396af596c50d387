# SPDX-License-Identifier: Apache-2.0
"""Trains LeNet-5 exactly and with an approximate multiplier, and loads its weights into others.

Same seed, same initial weights, same batches: exact layers, and MBM products in forward with the
exact gradients ("ste"); in the long form also MBM products in backward ("approx"). The weights of
the exact network are then loaded into networks of other multipliers and number formats. Prints
accuracy and seconds, and writes a picture. Exit status 1 when float32 MBM loses more than a point,
or the control, the exact multiplier, does not agree with the exact network.
"""

from __future__ import annotations

import argparse
import copy

import torch
from accuracy import Row, write_rows
from dataset import fitted
from loaded import IMAGE_SIZE, Images, Loaded, load_into, tensors
from nets import lenet5, parameter_count
from progress import TrainingProgress
from record import finish, new_record, row_of
from script import new_parser, positive, prepare, print_data, run
from side_by_side import BATCH, LEARNING_RATE, MOMENTUM, Side, count_right, train_epoch, warm_up

import convwright

SEED = 0
SHORT = {"epochs": 3, "train_images": 12_800, "test_images": 2000}
LONG_EPOCHS = 10
POINTS_LIMIT = 1.0  # of float32 MBM with the weights of exact training, percent of the images
CONTROL_LIMIT = 0.1  # of the exact multiplier, whose sums are only taken in another order
LEAST_IMAGES = 3  # of a small test set a few images are more than these points
# (name, multiplier, number format); the first is the control
LOADED = (
    ("float32 exact", "exact", "float32"),
    ("float32 MBM", "mbm", "float32"),
    ("float32 Mitchell", "mitchell", "float32"),
    ("float32 Ax-FPM", "ax_fpm", "float32"),
    ("int8 exact", "exact", "int8"),
    ("int8 MBM table", "mbm", "int8"),
    ("int8 DRUM(4)", "drum(4)", "int8"),
)


def parse_options() -> argparse.Namespace:
    parser = new_parser(__doc__.splitlines()[0], picture="approximate_lenet.png")
    parser.add_argument("--epochs", type=positive, metavar="N", help=f"default: {LONG_EPOCHS}")
    parser.add_argument(
        "--test-images", type=positive, metavar="N", help="test on the first N; default: all"
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help=f"{SHORT['epochs']} epochs of {SHORT['train_images']} images, {SHORT['test_images']} "
        "to test, exact gradients only",
    )
    options = parser.parse_args()
    for name, value in (SHORT if options.short else {"epochs": LONG_EPOCHS}).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def make_sides(short: bool, channels: int, steps: int) -> list[Side]:
    """The exact network first; all begin with the same weights."""
    backwards = {"MBM, exact gradients": "ste"} | ({} if short else {"MBM both ways": "approx"})
    torch.manual_seed(SEED)
    exact = lenet5(channels=channels)
    sides = []
    for name, backward in ({"exact": None} | backwards).items():
        model = copy.deepcopy(exact)
        if backward is None:
            convwright.convert_(model)
        else:
            convwright.convert_(model, multiplier="mbm", backward=backward)
        sides.append(Side(name, model, decay_steps=steps))
    return sides


def train(sides: list[Side], images: Images, epochs: int) -> None:
    """Trains all sides on the same batches and notes their test accuracy after each epoch."""
    train_images, train_labels, test_images, test_labels = images
    warm_up(sides, train_images[:BATCH], train_labels[:BATCH])
    with TrainingProgress(epochs, len(train_images)) as progress:
        for epoch in range(epochs):
            train_epoch(
                sides,
                train_images,
                train_labels,
                seed=SEED + epoch,
                after_step=lambda done: progress.advance(done, sides[0].losses[-1]),
            )
            for side in sides:
                side.right.append(count_right(side.model, test_images, test_labels))


def print_training(sides: list[Side], test_count: int) -> None:
    print(f"{'':12}" + "".join(f"{side.name:>28}" for side in sides))
    print(f"{'':12}" + f"{'seconds':>16}{'accuracy':>12}" * len(sides))
    for epoch in range(len(sides[0].seconds)):
        cells = "".join(
            f"{side.seconds[epoch]:16.2f}{100 * side.right[epoch] / test_count:11.2f}%"
            for side in sides
        )
        print(f"{f'epoch {epoch + 1}':12}{cells}")
    exact = sum(sides[0].seconds)
    for side in sides[1:]:
        print(f"{side.name}: {sum(side.seconds) / exact:.2f} times the seconds of exact training")


def print_loaded(loaded: list[Loaded], exact: Side, test_count: int) -> None:
    print(f"\n{'exact weights loaded into':28}{'accuracy':>10}{'points':>9}{'seconds':>10}")
    for row in loaded:
        accuracy = 100 * row.right / test_count
        points = 100 * (row.right - exact.right[-1]) / test_count
        print(f"{row.name:28}{accuracy:9.2f}%{points:+9.2f}{row.seconds:10.2f}")


def disagreements(loaded: list[Loaded], exact: Side, test_count: int) -> list[str]:
    """What should not be: a sentence each."""
    found = []
    for row, limit in zip(loaded, (CONTROL_LIMIT, POINTS_LIMIT), strict=False):
        lost = exact.right[-1] - row.right
        lost = abs(lost) if row is loaded[0] else lost
        if lost > max(limit / 100 * test_count, LEAST_IMAGES):
            found.append(
                f"{row.name} differs from the exact network by {lost} of {test_count} images, more "
                f"than {limit} points."
            )
    return found


def picture_rows(sides: list[Side], loaded: list[Loaded], test_count: int) -> list[Row]:
    trained = [
        Row(f"trained: {side.name}", 100 * side.right[-1] / test_count, sum(side.seconds), True)
        for side in sides
    ]
    return trained + [
        Row(f"loaded: {row.name}", 100 * row.right / test_count, row.seconds, False)
        for row in loaded
    ]


def main() -> int:
    options = parse_options()
    dataset, train_count = prepare(options)
    dataset = fitted(dataset, IMAGE_SIZE)
    images = tensors(dataset, train_count, options.test_images or len(dataset.test_labels))
    test_count = len(images[3])
    steps = options.epochs * -(-train_count // BATCH)
    sides = make_sides(options.short, dataset.channels, steps)
    title = f"LeNet-5 on {dataset.name}"
    record = new_record(options.record, title, f"seconds of {test_count} test images")

    print_data(dataset, train_count, test_count)
    print(f"network   LeNet-5, {parameter_count(sides[0].model)} parameters, seed {SEED}")
    print(f"training  SGD {LEARNING_RATE} falling to 0, momentum {MOMENTUM}, batch {BATCH}")
    print(f"threads   {torch.get_num_threads()}")
    print("MBM       " + str(convwright.multipliers.mbm().describe()).split("\n  ")[1])
    print()
    train(sides, images, options.epochs)
    print_training(sides, test_count)
    loaded = [load_into(sides[0].model, *about, images) for about in LOADED]
    print_loaded(loaded, sides[0], test_count)
    write_rows(options.out, title, picture_rows(sides, loaded, test_count))
    print(f"picture: {options.out}")
    trained = [row_of(side, test_count) for side in sides]
    finish(record, [*trained, *(row.to_row(test_count) for row in loaded)])
    found = disagreements(loaded, sides[0], test_count)
    print("\n".join(found) or "Exact weights keep their accuracy with MBM.")
    return 1 if found else 0


if __name__ == "__main__":
    run(main)
