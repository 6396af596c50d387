# SPDX-License-Identifier: Apache-2.0
"""The weights of an exactly trained LeNet-5 in layers of other multipliers, and how they do."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accuracy import Row, write_rows
from dataset import Dataset, fitted
from nets import lenet5
from progress import TrainingProgress
from record import finish, new_record, row_of
from script import prepare, print_data
from side_by_side import BATCH, Side, count_right, train_epoch

import convwright
from convwright.multipliers import Multiplier
from convwright.nn import ApproxLinear
from convwright.quantisation import PercentileObserver, calibrate_

IMAGE_SIZE = 32
CALIBRATION_IMAGES = 1000
PERCENTILE = 99.99
SEED = 0
Images = tuple[torch.Tensor, ...]  # training images and labels, test images and labels


@dataclass(frozen=True)
class Loaded:
    """What came of the exact network's weights in other layers."""

    name: str
    multiplier: str
    number_format: str
    right: int  # test images classified right
    seconds: float  # of all test images

    def to_row(self, test_count: int) -> dict[str, Any]:
        """For the record."""
        return {
            "network": self.name,
            "multiplier": self.multiplier,
            "number_format": self.number_format,
            "accuracy": [self.right / test_count],
            "cost": self.seconds,
        }


def load_into(
    model: torch.nn.Module,
    name: str,
    multiplier: str | Multiplier,
    number_format: str,
    images: Images,
) -> Loaded:
    """Test accuracy of the weights of `model`, a lenet5, with a multiplier in all layers."""
    train_images, _, test_images, test_labels = images
    other = lenet5(channels=train_images.shape[1])
    other.load_state_dict(model.state_dict())
    convwright.convert_(other, multiplier=multiplier, number_format=number_format)
    if number_format == "int8":
        batches = train_images[:CALIBRATION_IMAGES].split(BATCH)
        calibrate_(other, batches, observer=lambda: PercentileObserver(PERCENTILE))
    start = time.perf_counter()
    right = count_right(other, test_images, test_labels)
    seconds = time.perf_counter() - start
    return Loaded(name, str(multiplier), number_format, right, seconds)


def tensors(dataset: Dataset, train_count: int, test_count: int) -> Images:
    return (
        torch.from_numpy(dataset.train_images[:train_count]),
        torch.from_numpy(dataset.train_labels[:train_count]),
        torch.from_numpy(dataset.test_images[:test_count]),
        torch.from_numpy(dataset.test_labels[:test_count]),
    )


def try_multipliers(options: argparse.Namespace, own: Mapping[str, Multiplier]) -> None:
    """Trains LeNet-5 exactly for an epoch, loads its weights into int8 layers of each multiplier,
    prints errors and accuracy, and writes the picture."""
    dataset, train_count = prepare(options)
    dataset = fitted(dataset, IMAGE_SIZE)
    images = tensors(dataset, train_count, len(dataset.test_labels))
    test_count = len(images[3])
    title = f"LeNet-5 on {dataset.name}, multipliers of our own"
    record = new_record(options.record, title, f"seconds of {test_count} test images")
    print_data(dataset, train_count, test_count)

    torch.manual_seed(SEED)
    exact = Side("exact", lenet5(channels=dataset.channels))
    convwright.convert_(exact.model)
    with TrainingProgress(1, train_count) as progress:
        train_epoch(
            [exact],
            *images[:2],
            seed=SEED,
            after_step=lambda done: progress.advance(done, exact.losses[-1]),
        )
    exact.right.append(count_right(exact.model, *images[2:]))

    found = [load_into(exact.model, n, multiplier, "int8", images) for n, multiplier in own.items()]
    print(f"\n{'exact weights in int8 layers of':34}{'mean error':>12}{'accuracy':>10}")
    for row, multiplier in zip(found, own.values(), strict=True):
        error = multiplier.describe("int8").mean_abs
        print(f"{row.name:34}{error:11.2f}%{100 * row.right / test_count:9.2f}%")
    rows = [Row("trained: exact", 100 * exact.right[-1] / test_count, sum(exact.seconds), True)]
    rows += [Row(f.name, 100 * f.right / test_count, f.seconds, False) for f in found]
    write_rows(options.out, title, rows)
    print(f"picture: {options.out}")
    finish(record, [row_of(exact, test_count), *(row.to_row(test_count) for row in found)])


def sums_agree(multiplier: Multiplier, product: Any) -> bool:
    """Whether an int8 layer gives the sums of `product`, to the bit; scales are 1."""
    generator = torch.Generator().manual_seed(SEED)
    activations = torch.randint(-128, 128, (5, 16), generator=generator)
    weights = torch.randint(-128, 128, (3, 16), generator=generator)
    layer = ApproxLinear(16, 3, bias=False, multiplier=multiplier, number_format="int8")
    with torch.no_grad():
        layer.weight.copy_(weights)
        layer.input_scale.fill_(1)
        layer.weight_scale.fill_(1)
        found = layer(activations.float())
    expected = [[sum(map(product, a, w)) for w in weights.tolist()] for a in activations.tolist()]
    return torch.equal(found, torch.tensor(expected, dtype=torch.float32))
