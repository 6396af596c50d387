# SPDX-License-Identifier: Apache-2.0
"""A program: trains LeNet-5 with Convwright's layers and, beside it, with PyTorch's.

`python long_training.py STEPS` prints one JSON object: resident bytes and open descriptors at each
tenth of the steps, mean losses of each tenth of both, and differences from float64 at each tenth
as parts of what rounding allows.
"""

import gc
import json
import os
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

import convwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "examples"))
from nets import lenet5  # noqa: E402

IMAGES, BATCH, CLASSES, TENTHS = 2048, 32, 10, 10
WRONG = 0.2  # part of the labels
RATE = 0.01


def data() -> tuple[Tensor, Tensor]:
    """Images of ten patterns under noise."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randn(CLASSES, 1, 32, 32, generator=generator)
    labels = torch.randint(CLASSES, (IMAGES,), generator=generator)
    noise = torch.randn(IMAGES, 1, 32, 32, generator=generator)
    return patterns[labels] * 0.1 + noise, labels


def model(ours: bool) -> nn.Module:
    torch.manual_seed(0)
    net = lenet5(CLASSES)
    if ours:
        convwright.convert_(net)
    return net


class Training:
    def __init__(self, ours: bool) -> None:
        self.net = model(ours)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=RATE, momentum=0.9)
        self.losses: list[float] = []

    def step(self, images: Tensor, labels: Tensor) -> None:
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.net(images), labels)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())


def gradients(net: nn.Module, images: Tensor, labels: Tensor) -> list[Tensor]:
    loss = nn.functional.cross_entropy(net(images), labels)
    return [loss, *torch.autograd.grad(loss, list(net.parameters()))]


def difference(ours: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Of loss and gradients by the same weights, Convwright's from float64's, as a part of what
    PyTorch's layers in float32 may differ: 1e-4 of the largest."""
    wide = lenet5(CLASSES).double()
    wide.load_state_dict(ours.state_dict())
    expected = gradients(wide, images.double(), labels)
    parts = zip(gradients(ours, images, labels), expected, strict=True)
    return max(((a - e).abs().max() / (1e-4 * e.abs().max())).item() for a, e in parts)


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main(steps: int) -> None:
    torch.set_num_threads(1)
    images, labels = data()
    trainings = Training(ours=True), Training(ours=False)
    order = torch.Generator().manual_seed(1)
    tenths: list[list[int]] = []
    differences: list[float] = []
    for step in range(1, steps + 1):
        chosen = torch.randint(IMAGES, (BATCH,), generator=order)
        # Others in each step, so that nothing is learnt to the end: where a probability is nearly
        # 1, its gradient is the rounding of a difference.
        wrong = torch.rand(BATCH, generator=order) < WRONG
        wanted = labels[chosen].where(~wrong, torch.randint(CLASSES, (BATCH,), generator=order))
        for training in trainings:
            training.step(images[chosen], wanted)
        if step % (steps // TENTHS) == 0:
            differences.append(difference(trainings[0].net, images[chosen], wanted))
            gc.collect()
            tenths.append([resident(), len(os.listdir("/proc/self/fd"))])
            print(
                step,
                *tenths[-1],
                differences[-1],
                *(t.losses[-1] for t in trainings),
                file=sys.stderr,
            )
    size = steps // TENTHS
    means = [
        [sum(t.losses[i : i + size]) / size for t in trainings]
        for i in range(0, size * TENTHS, size)
    ]
    row = convwright.explain(trainings[0].net, images[:BATCH]).rows[0]
    print(
        json.dumps(
            {
                "resident": [bytes_ for bytes_, _ in tenths],
                "descriptors": [count for _, count in tenths],
                "losses": means,
                "first": [t.losses[0] for t in trainings],
                "differences": differences,
                "schedule": row.schedule,
                "kernel": row.kernel,
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
