# SPDX-License-Identifier: Apache-2.0
"""What the example programs share: options, and how they end.

Exit status: what `main` returns; 1 when the data are not right or Convwright's library is missing,
2 for a wrong option, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from data import load
from dataset import DataError, Dataset

try:
    import convwright
except ModuleNotFoundError:
    sys.exit("convwright is not installed; run `make demo`, or set PYTHONPATH=torch_ops/python")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def new_parser(description: str, picture: str) -> argparse.ArgumentParser:
    """With the options that every example has; `picture` is where --out points by default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--train-images", type=positive, metavar="N", help="train on the first N; default: all"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="default: PyTorch's choice, all cores"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(picture),
        metavar="FILE",
        help="the picture, PNG; default: %(default)s",
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="losses and accuracy, for `convwright report`"
    )
    return parser


def prepare(options: argparse.Namespace) -> tuple[Dataset, int]:
    """Sets the threads, makes the picture's folder, loads the data; returns the data and how many
    images to train on. Raises OSError where no picture can be written."""
    if options.threads:
        torch.set_num_threads(options.threads)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.out.is_dir():  # said before the training, not behind it
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(options.out))
    dataset = load()
    available = len(dataset.train_labels)
    return dataset, min(options.train_images or available, available)


def print_data(dataset: Dataset, train_count: int, test_count: int) -> None:
    size = dataset.image_size
    print(f"data      {dataset.name} ({dataset.source})")
    print(f"          {train_count} images to train, {test_count} to test, {size} x {size} pixels")


def run(main: Callable[[], int]) -> None:
    """Runs `main` and ends the program; an error of the user's is one line."""
    try:
        sys.exit(main())
    except (DataError, OSError, convwright.LibraryMissing) as error:
        text = str(error)
        if isinstance(error, OSError) and error.filename:
            place = error.filename2 or error.filename  # of a move its target
            text = f"{place} cannot be written: {error.strerror}"
        sys.exit(f"{Path(sys.argv[0]).stem}: {text}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
