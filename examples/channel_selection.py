# SPDX-License-Identifier: Apache-2.0
"""Trains a residual network dense and as weighted sums of channels, by libraries and by Convwright.

The weighted-sum forms begin with the same weights and see the same batches, so their losses must
agree. Prints parameters, the time of a training step and of inference, and test accuracy; writes a
picture of them. Exit status 1 when the weighted-sum forms did not train alike.
"""

from __future__ import annotations

import argparse

import torch
from bars import Bar, write_bars
from dataset import Dataset, fitted
from nets import channel_selection, copy_weights, parameter_count
from plotting import OTHER_COLOUR, OURS_COLOUR, THEIRS_COLOUR
from progress import TrainingProgress
from record import finish, new_record, row_of
from script import new_parser, positive, prepare, print_data, run
from side_by_side import (
    MOMENTUM,
    Side,
    count_right,
    loss_disagreement,
    time_inference,
    train_epoch,
    warm_up,
)

import convwright

NAMES = {
    "dense": "dense: torch.nn.Conv2d",
    "linear": "weighted sum: Linear + depthwise",
    "conv1x1": "weighted sum: 1x1 + depthwise",
    "convwright": "weighted sum: Convwright",
}
COLOURS = {"dense": OTHER_COLOUR, "convwright": OURS_COLOUR}  # the others are libraries'
SEED = 0
CLASSES = 10
IMAGE_SIZE = 32
LEARNING_RATE = 0.1  # at first: it falls to zero, or batch norm's statistics would lag behind
BATCH = 64
INFERENCE_ROUNDS = 30
# How far apart losses may be: so many first steps, relative difference. Rounding alone parts the
# forms by up to 3e-7, 8e-5 and 3e-3 at the second, third and fourth step (six seeds): batch norm
# magnifies it. So the first losses after an update are what can be compared.
LOSS_LIMITS = ((2, 1e-5), (3, 1e-3))
AUTOCAST_LOSS_LIMITS = ((3, 5e-2),)  # bfloat16 has 8 bits
SHORT = {"epochs": 1, "train_images": 6400, "test_images": 2000}
EXPLAINED_ROWS = 6
COMPILED_SIZES = 4  # training, test, a last smaller test batch, inference


class Autocast(torch.nn.Module):
    """The network in bfloat16 where PyTorch's autocast allows it; gives float32."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.network(images).float()


def parse_options() -> argparse.Namespace:
    parser = new_parser(__doc__.splitlines()[0], picture="channel_selection.png")
    parser.add_argument("--epochs", type=positive, metavar="N", help="default: 1")
    parser.add_argument(
        "--test-images", type=positive, metavar="N", help="test on the first N; default: all"
    )
    parser.add_argument(
        "--batch", type=positive, default=BATCH, metavar="N", help="default: %(default)s"
    )
    parser.add_argument("--autocast", action="store_true", help="all forms in bfloat16")
    parser.add_argument("--compile", action="store_true", help="all forms by torch.compile")
    parser.add_argument(
        "--short",
        action="store_true",
        help=f"a minute: {SHORT['train_images']} images to train, {SHORT['test_images']} to test",
    )
    options = parser.parse_args()
    for name, value in ({"epochs": 1} | (SHORT if options.short else {})).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def make_sides(options: argparse.Namespace, steps: int) -> dict[str, Side]:
    """A side for each form, by its name, to be trained `steps` steps; weighted sums have equal
    weights."""
    networks = {}
    for form in NAMES:
        torch.manual_seed(SEED)
        networks[form] = channel_selection(form, CLASSES)
    for form in ("linear", "convwright"):
        copy_weights(networks["conv1x1"], networks[form])
    # The forms are of one class, so they share this limit, each with a few batch sizes. Past it
    # code would run uncompiled, which fullgraph makes an error.
    torch.compiler.config.recompile_limit = COMPILED_SIZES * len(NAMES)
    sides = {}
    for form, network in networks.items():
        network = Autocast(network) if options.autocast else network
        if options.compile:
            network.compile(dynamic=False, fullgraph=True)
        sides[form] = Side(NAMES[form], network, LEARNING_RATE, decay_steps=steps)
    return sides


def print_what_is_done(
    options: argparse.Namespace, dataset: Dataset, train_count: int, test_count: int
) -> None:
    print_data(dataset, train_count, test_count)
    print(
        f"training  SGD {LEARNING_RATE} falling to 0, momentum {MOMENTUM}, batch {options.batch}, "
        f"seed {SEED}"
    )
    print(f"numbers   {'bfloat16 by autocast' if options.autocast else 'float32'}")
    print(f"compiled  {'by torch.compile' if options.compile else 'no'}")
    print(f"threads   {torch.get_num_threads()}")
    print("timing    medians; each batch goes to all networks, taking turns at being first")


def print_kernels(network: torch.nn.Module, images: torch.Tensor) -> None:
    """The first rows of Convwright's explanation, before the network is compiled."""
    lines = str(convwright.explain(network, images)).splitlines()
    print("\nkernels of convwright in one step:")
    print("\n".join(lines[: 1 + EXPLAINED_ROWS]))
    print(f"... and {max(0, len(lines) - 1 - EXPLAINED_ROWS)} rows more\n")


def train(
    sides: list[Side],
    train_part: tuple[torch.Tensor, torch.Tensor],
    test_part: tuple[torch.Tensor, torch.Tensor],
    epochs: int,
    batch: int,
) -> None:
    """Trains and tests all sides, then times their inference; the parts are images and labels."""
    images, labels = train_part
    torch.manual_seed(SEED)
    warm_up(sides, images[:batch], labels[:batch])
    with TrainingProgress(epochs, len(images)) as progress:
        for epoch in range(epochs):
            train_epoch(
                sides,
                images,
                labels,
                seed=SEED + epoch,
                after_step=lambda done: progress.advance(done, sides[-1].losses[-1]),
                batch=batch,
            )
            for side in sides:
                side.right.append(count_right(side.model, *test_part))
    time_inference(sides, images[:batch], INFERENCE_ROUNDS)


def print_results(sides: list[Side], test_count: int) -> None:
    """A row for each side; ratios are to the last, Convwright's."""
    ours = sides[-1]
    print(
        f"{'':34}{'parameters':>11}{'step ms':>9}{'ratio':>7}{'infer ms':>10}{'ratio':>7}", end=""
    )
    print(f"{'accuracy':>10}")
    for side in sides:
        print(
            f"{side.name:34}{parameter_count(side.model):11,}"
            f"{1e3 * side.step_time:9.1f}{side.step_time / ours.step_time:7.2f}"
            f"{1e3 * side.inference_time:10.2f}{side.inference_time / ours.inference_time:7.2f}"
            f"{100 * side.right[-1] / test_count:9.2f}%"
        )
    print()


def disagreements(sides: dict[str, Side], limits: tuple[tuple[int, float], ...]) -> list[str]:
    """Which weighted-sum forms did not train as the 1x1 form did, a sentence each."""
    sentences = (
        loss_disagreement(sides[form], sides["conv1x1"], steps, limit)
        for form in ("linear", "convwright")
        for steps, limit in limits
    )
    return [sentence for sentence in sentences if sentence]


def to_bars(sides: dict[str, Side], test_count: int) -> list[Bar]:
    return [
        Bar(
            side.name,
            f"{parameter_count(side.model):,} parameters, "
            f"{100 * side.right[-1] / test_count:.1f} % right",
            COLOURS.get(form, THEIRS_COLOUR),
            (1e3 * side.step_time, 1e3 * side.inference_time),
        )
        for form, side in sides.items()
    ]


def main() -> int:
    options = parse_options()
    dataset, available = prepare(options)
    dataset = fitted(dataset, IMAGE_SIZE)
    # Whole batches: a last, smaller one would be timed too, and compiled apart.
    batch = options.batch = min(options.batch, available)
    train_count = available - available % batch
    train_part, test_part = (
        (torch.from_numpy(images[:count]), torch.from_numpy(labels[:count]))
        for images, labels, count in (
            (dataset.train_images, dataset.train_labels, train_count),
            (dataset.test_images, dataset.test_labels, options.test_images),
        )
    )
    test_count = len(test_part[0])
    title = f"A residual network on {dataset.name}"
    record = new_record(options.record, title, f"milliseconds of a training step, batch {batch}")

    print_what_is_done(options, dataset, train_count, test_count)
    print_kernels(channel_selection("convwright", CLASSES), train_part[0][:batch])
    sides = make_sides(options, options.epochs * train_count // batch)
    train(list(sides.values()), train_part, test_part, options.epochs, batch)

    print_results(list(sides.values()), test_count)
    found = disagreements(sides, AUTOCAST_LOSS_LIMITS if options.autocast else LOSS_LIMITS)
    write_bars(
        options.out,
        f"{title}: dense, and as weighted sums of channels",
        (f"training step, {batch} images", f"inference, {batch} images"),
        to_bars(sides, test_count),
    )
    print(f"picture: {options.out}")
    finish(record, (row_of(s, test_count, 1e3 * s.step_time) for s in sides.values()))
    print("\n".join(found) or "The weighted-sum forms trained alike.")
    return 1 if found else 0


if __name__ == "__main__":
    run(main)
