# SPDX-License-Identifier: Apache-2.0
"""Prunes a small CNN to odd channel counts, and times its inference by PyTorch and by Convwright.

The full network is trained, the weakest output channels are taken out of copies of it, a few
channels or many, and all are trained for one more epoch. Prints operations, accuracy and time per
batch of each, computed by unfold and a matrix product, by torch.nn.Conv2d in both memory formats
and by convwright.nn.Conv2d; writes a picture of accuracy and time against operations. Exit status 1
when the scores of one network differ by more than rounding explains.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from nets import parameter_count, small_cnn
from progress import TrainingProgress
from pruning import pruned
from record import finish, new_record, row_of
from script import new_parser, positive, prepare, print_data, run
from side_by_side import BATCH, Side, count_right, time_inference, train_epoch
from sweep import Point, write_sweep
from torch.nn import functional as F

import convwright

SEED = 0
WIDTHS = ((16, 32, 64), (11, 23, 45), (8, 15, 31), (5, 11, 21), (3, 7, 13))  # the full one first
LEARNING_RATE = 0.02
FINE_TUNING_RATE = 0.01
INFERENCE_ROUNDS = 50
SCORE_LIMIT = 1e-4  # of the largest score
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
UNFOLD, OURS = "unfold and GEMM", "Convwright"


class UnfoldConv2d(torch.nn.Conv2d):
    """A convolution as one matrix product: what a custom layer often is at first."""

    def _conv_forward(
        self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        sizes = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(
                input.shape[2:],
                self.kernel_size,
                self.stride,
                self.padding,
                self.dilation,
                strict=True,
            )
        ]
        columns = F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)
        output = (weight.flatten(1) @ columns).unflatten(2, sizes)
        return output if bias is None else output + bias[:, None, None]


@dataclass(frozen=True)
class Network:
    """One of the sweep, and what came of it."""

    widths: Sequence[int]
    side: Side
    operations: int  # of one image: a multiply-accumulate is 2

    @property
    def name(self) -> str:
        return " ".join(map(str, self.widths))


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


def make_networks(full: torch.nn.Sequential, image: torch.Tensor) -> list[Network]:
    """The full network and its pruned copies, to be trained further; `image` is a batch of one."""
    found = []
    for widths in WIDTHS:
        model = full if widths == WIDTHS[0] else pruned(full, widths)
        side = Side(" ".join(map(str, widths)), model, FINE_TUNING_RATE)
        found.append(Network(widths, side, convwright.flops(model, image).total.total))
    return found


def make_sides(model: torch.nn.Sequential) -> dict[str, Side]:
    """The same network four times: by unfold, by PyTorch in both formats, and by Convwright in
    channels_last.

    `model` is of torch.nn.Conv2d: only the copy that is converted runs Convwright.
    """
    unfolded = copy.deepcopy(model)
    for layer in unfolded:
        if isinstance(layer, torch.nn.Conv2d):
            layer.__class__ = UnfoldConv2d  # the same parameters, another way to compute
    sides = {UNFOLD: Side(UNFOLD, unfolded)}
    for name, memory_format in FORMATS.items():
        same = copy.deepcopy(model).to(memory_format=memory_format)
        sides[f"PyTorch, {name}"] = Side(f"PyTorch, {name}", same)
    ours = copy.deepcopy(model).to(memory_format=torch.channels_last)
    convwright.convert_(ours)
    sides[OURS] = Side(OURS, ours)
    return sides


@torch.no_grad()
def largest_difference(sides: dict[str, Side], images: torch.Tensor) -> float:
    """Between the scores of each side and of PyTorch, as a part of the largest score."""
    theirs = sides["PyTorch, channels_last"].model(images)
    apart = [(side.model(images) - theirs).abs().max() for side in sides.values()]
    return float(max(apart) / theirs.abs().max())


def compare(networks: list[Network], batch: torch.Tensor, test_count: int) -> list[Point]:
    """Times every network by every side, prints a row for each, and checks their scores."""
    points = []
    for network in networks:
        accuracy = network.side.right[-1] / test_count
        print(
            f"{network.name:12}{parameter_count(network.side.model):12,}"
            f"{network.operations:14,}{100 * accuracy:9.2f}%"
        )
        sides = make_sides(network.side.model)
        time_inference(list(sides.values()), batch, INFERENCE_ROUNDS)
        ours = sides[OURS].inference_time
        for side in sides.values():
            time = side.inference_time
            print(f"  {side.name:24}{1e3 * time:8.3f} ms{time / ours:8.2f} of {OURS}'s")
        times = {name: 1e3 * side.inference_time for name, side in sides.items()}
        difference = largest_difference(sides, batch)
        points.append(Point(network.name, network.operations, accuracy, times, difference))
    return points


def main() -> int:
    options = parse_options()
    dataset, train_count = prepare(options)
    images = torch.from_numpy(dataset.train_images[:train_count])
    labels = torch.from_numpy(dataset.train_labels[:train_count])
    test_images = torch.from_numpy(dataset.test_images)
    test_labels = torch.from_numpy(dataset.test_labels)
    batch = test_images[: options.batch]
    title = f"A small CNN on {dataset.name}, full and pruned"
    record = new_record(options.record, title, "operations of an image")
    print_data(dataset, train_count, len(test_labels))
    print(f"threads   {torch.get_num_threads()}")
    print(f"timing    median of {INFERENCE_ROUNDS} batches of {len(batch)}, taking turns\n")

    torch.manual_seed(SEED)
    full = small_cnn(
        image_size=dataset.image_size,
        channels=dataset.channels,
        widths=WIDTHS[0],
    )
    train([Side("full", full, LEARNING_RATE)], images, labels, options.epochs)
    networks = make_networks(full, test_images[:1])
    before = [count_right(n.side.model, test_images, test_labels) for n in networks]
    train([n.side for n in networks], images, labels, 1)
    for network in networks:
        network.side.right.append(count_right(network.side.model, test_images, test_labels))

    print(f"{'channels':12}{'parameters':>12}{'operations':>14}{'accuracy':>10}")
    points = compare(networks, batch, len(test_labels))
    shares = ", ".join(f"{100 * right / len(test_labels):.2f}%" for right in before)
    print(f"right after pruning, before training again: {shares}")
    write_sweep(options.out, title, f"inference, {len(batch)} images", points)
    print(f"picture: {options.out}")
    finish(record, (row_of(n.side, len(test_labels), n.operations) for n in networks))
    found = [
        f"Scores of the network of {point.name} channels differ by {point.difference:.1e} of the "
        f"largest, more than {SCORE_LIMIT:g}."
        for point in points
        if not point.difference <= SCORE_LIMIT
    ]
    print("\n".join(found) or "PyTorch and Convwright give the same scores.")
    return 1 if found else 0


if __name__ == "__main__":
    run(main)
