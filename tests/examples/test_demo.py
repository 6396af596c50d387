# SPDX-License-Identifier: Apache-2.0
"""The demo from end to end, in a tiny form, and its parts that decide."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import fashion_mnist
import numpy as np
import pytest
import side_by_side
import torch
from dataset import Dataset
from nets import small_cnn
from torch import nn

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_trains_alike_and_writes_the_picture(
    run_example: Run, fashion_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = fashion_folder(train=640, test=100)
    picture = tmp_path / "new" / "curves.png"
    options = ["--epochs", "2", "--train-images", "600", "--threads", "1", "--out", str(picture)]
    result = run_example("fashion_mnist", *options, CONVWRIGHT_DATA=str(folder))
    assert result.returncode == 0, result.stdout + result.stderr
    for expected in (
        f"Fashion-MNIST ({folder})",
        "600 images to train, 100 to test",
        "threads   1",
        "epoch 2 ",
        "all 2 ",
        "losses of the first 20 steps",
        f"picture: {picture}",
        "Both trained alike.",
    ):
        assert expected in result.stdout
    assert "epoch 2 of 2: 1200/1200 images" in result.stderr  # plain lines: not a terminal
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_bad_folder_is_one_sentence(run_example: Run, tmp_path: Path) -> None:
    result = run_example("fashion_mnist", CONVWRIGHT_DATA=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"fashion_mnist: CONVWRIGHT_DATA is '{tmp_path}': {tmp_path} has neither "
        "train-images-idx3-ubyte nor "
        "train-images-idx3-ubyte.gz; expected one of them"
    ]


@pytest.mark.parametrize("option", ["--out", "--record"])
def test_what_cannot_be_written_is_said_before_the_training(
    option: str, run_example: Run, fashion_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = fashion_folder(train=64, test=10)
    options = ["--out", str(tmp_path / "picture.png"), option, str(tmp_path)]
    result = run_example("fashion_mnist", *options, CONVWRIGHT_DATA=str(folder))
    assert result.returncode == 1
    assert "epoch" not in result.stdout + result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"fashion_mnist: {tmp_path}")
    assert line.endswith("cannot be written: Is a directory")


@pytest.mark.parametrize("option", ["--epochs=0", "--train-images=-1", "--threads=two"])
def test_a_wrong_option_is_a_usage_error(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fashion_mnist.py", option])
    with pytest.raises(SystemExit) as caught:
        fashion_mnist.parse_options()
    assert caught.value.code == 2
    assert option.split("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("size", [8, 28])
def test_small_cnn_takes_its_image_size(size: int) -> None:
    assert small_cnn(image_size=size)(torch.zeros(2, 1, size, size)).shape == (2, 10)


def test_sides_see_the_same_batches_and_take_turns() -> None:
    seen: list[tuple[str, torch.Tensor]] = []

    class Spy(nn.Linear):
        def __init__(self, name: str) -> None:
            super().__init__(4, 10)
            self.name = name

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append((self.name, images))
            return super().forward(images)

    sides = [side_by_side.Side(name, Spy(name)) for name in "ab"]
    images, labels = torch.randn(130, 4), torch.zeros(130, dtype=torch.int64)
    done: list[int] = []
    side_by_side.train_epoch(sides, images, labels, seed=0, after_step=done.append)
    assert [name for name, _ in seen] == ["a", "b", "b", "a", "a", "b"]
    assert all(seen[i][1] is seen[i + 1][1] for i in (0, 2, 4))
    assert done == [64, 64, 2]
    assert [len(side.losses) for side in sides] == [3, 3]


@pytest.mark.parametrize(
    "name, loss, right, found",
    [
        ("Fashion-MNIST", 1.0, 950, []),
        ("Fashion-MNIST", 1.001, 950, ["first 1 steps of ours and theirs differ by 1.0e-03"]),
        ("Fashion-MNIST", math.nan, 950, ["first 1 steps of ours and theirs differ by inf"]),
        ("Fashion-MNIST", 1.0, 944, ["Test accuracy differs by 6 of 1000 images, more than 0.5"]),
        ("digits", 1.0, 947, []),
        ("digits", 1.0, 954, ["Test accuracy differs by 4 of 1000 images, more than 3 images."]),
    ],
)
def test_what_is_too_far_apart(name: str, loss: float, right: int, found: list[str]) -> None:
    nothing = np.zeros(1000)
    dataset = Dataset(name, "here", nothing, nothing, nothing, nothing)
    ours = side_by_side.Side("ours", nn.Linear(1, 1), losses=[loss], right=[right])
    theirs = side_by_side.Side("theirs", nn.Linear(1, 1), losses=[1.0], right=[950])
    sentences = fashion_mnist.disagreements(ours, theirs, dataset)
    assert len(sentences) == len(found)
    assert all(f in s for s, f in zip(sentences, found, strict=True)), sentences


def test_largest_relative_difference() -> None:
    difference = side_by_side.largest_relative_difference
    assert difference([1.0, 2.2, 9.0], [1.0, 2.0, 3.0], steps=2) == pytest.approx(0.1)
    assert difference([1.0, math.nan], [1.0, 2.0], steps=2) == math.inf
