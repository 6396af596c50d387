# SPDX-License-Identifier: Apache-2.0
"""Prunes a small CNN to odd channel counts, and times its inference by PyTorch and by Convwright.

The full network is trained, the weakest output channels are taken out of a copy, and both are
trained for one more epoch. Prints accuracy and time per batch of the full and of the pruned
network, each computed by torch.nn.Conv2d in both memory formats and by convwright.nn.Conv2d; writes
a picture.
Exit status 1 when the scores of the same network differ by more than rounding explains.
"""

from __future__ import annotations

import argparse
import copy

import torch
from bars import Bar, write_bars
from nets import parameter_count, small_cnn
from plotting import OURS_COLOUR, THEIRS_COLOUR
from progress import TrainingProgress
from pruning import pruned
from script import new_parser, positive, prepare, print_data, run
from side_by_side import BATCH, Side, count_right, time_inference, train_epoch

import convwright

SEED = 0
WIDTHS = (16, 32, 64)
PRUNED_WIDTHS = (11, 23, 45)
LEARNING_RATE = 0.02
FINE_TUNING_RATE = 0.01
INFERENCE_ROUNDS = 50
SCORE_LIMIT = 1e-4  # of the largest score
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def parse_options() -> argparse.Namespace:
    parser = new_parser(__doc__.splitlines()[0], picture="pruned_network.png")
    parser.add_argument(
        "--epochs", type=positive, default=1, metavar="N", help="before pruning; default: 1"
    )
    parser.add_argument(
        "--batch",
        type=positive,
        default=BATCH,
        metavar="N",
        help="images of a timed batch; default: %(default)s",
    )
    return parser.parse_args()


def train(sides: list[Side], images: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    with TrainingProgress(epochs, len(images)) as progress:
        for epoch in range(epochs):
            train_epoch(
                sides,
                images,
                labels,
                seed=SEED + epoch,
                after_step=lambda done: progress.advance(done, sides[-1].losses[-1]),
            )


def make_sides(model: torch.nn.Sequential) -> dict[str, Side]:
    """The same network three times: PyTorch's in both formats, and Convwright's, channels_last.

    `model` is of torch.nn.Conv2d: only the copy that is converted runs Convwright.
    """
    sides = {}
    for name, memory_format in FORMATS.items():
        same = copy.deepcopy(model).to(memory_format=memory_format)
        sides[f"PyTorch, {name}"] = Side(f"PyTorch, {name}", same)
    ours = copy.deepcopy(model).to(memory_format=torch.channels_last)
    convwright.convert_(ours)
    sides["Convwright"] = Side("Convwright", ours)
    return sides


@torch.no_grad()
def largest_difference(sides: dict[str, Side], images: torch.Tensor) -> float:
    """Between the scores of Convwright and of PyTorch, as a part of the largest score."""
    ours = sides["Convwright"].model(images)
    theirs = sides["PyTorch, channels_last"].model(images)
    return float((ours - theirs).abs().max() / theirs.abs().max())


def to_bars(sides: dict[str, Side], note: str) -> list[Bar]:
    return [
        Bar(
            side.name,
            note,
            OURS_COLOUR if side.name == "Convwright" else THEIRS_COLOUR,
            [1e3 * side.inference_time],
        )
        for side in sides.values()
    ]


def main() -> int:
    options = parse_options()
    dataset, train_count = prepare(options)
    images = torch.from_numpy(dataset.train_images[:train_count])
    labels = torch.from_numpy(dataset.train_labels[:train_count])
    test_images = torch.from_numpy(dataset.test_images)
    test_labels = torch.from_numpy(dataset.test_labels)
    batch = test_images[: options.batch]
    print_data(dataset, train_count, len(test_labels))
    print(f"threads   {torch.get_num_threads()}")
    print(f"timing    median of {INFERENCE_ROUNDS} batches of {len(batch)}, taking turns\n")

    torch.manual_seed(SEED)
    full = small_cnn(
        image_size=dataset.image_size,
        channels=dataset.channels,
        widths=WIDTHS,
    )
    train([Side("full", full, LEARNING_RATE)], images, labels, options.epochs)
    smaller = pruned(full, PRUNED_WIDTHS)
    before = count_right(smaller, test_images, test_labels)
    both = [Side("full", full, FINE_TUNING_RATE), Side("pruned", smaller, FINE_TUNING_RATE)]
    train(both, images, labels, 1)

    bars, found = [], []
    print(f"{'':12}{'channels':>12}{'parameters':>12}{'accuracy':>10}")
    for name, model, widths in (("full", full, WIDTHS), ("pruned", smaller, PRUNED_WIDTHS)):
        right = count_right(model, test_images, test_labels)
        accuracy = 100 * right / len(test_labels)
        channels = " ".join(map(str, widths))
        print(f"{name:12}{channels:>12}{parameter_count(model):12,}{accuracy:9.2f}%")
        sides = make_sides(model)
        time_inference(list(sides.values()), batch, INFERENCE_ROUNDS)
        ours = sides["Convwright"].inference_time
        for side in sides.values():
            time = side.inference_time
            print(f"  {side.name:24}{1e3 * time:8.3f} ms{time / ours:8.2f} of Convwright's")
        difference = largest_difference(sides, batch)
        if not difference <= SCORE_LIMIT:
            found.append(
                f"Scores of the {name} network differ by {difference:.1e} of the largest, "
                f"more than {SCORE_LIMIT:g}."
            )
        bars += to_bars(sides, f"{name}: {channels} channels, {accuracy:.1f} % right")
    print(f"right after pruning, before training again: {100 * before / len(test_labels):.2f}%")
    write_bars(
        options.out,
        f"A small CNN on {dataset.name}, full and pruned",
        [f"inference, {len(batch)} images"],
        bars,
    )
    print(f"picture: {options.out}")
    print("\n".join(found) or "PyTorch and Convwright give the same scores.")
    return 1 if found else 0


if __name__ == "__main__":
    run(main)
