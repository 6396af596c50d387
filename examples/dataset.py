# SPDX-License-Identifier: Apache-2.0
"""What every reader of images gives: a Dataset, or a DataError."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

CLASSES = 10


class DataError(Exception):
    """One sentence: which file, what it holds, what was expected."""


@dataclass(frozen=True)
class Dataset:
    """Images [N, C, H, W], float32, each channel with mean 0 and deviation 1 over the training
    part; labels [N], int64, 0 to 9. H = W."""

    name: str
    source: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def channels(self) -> int:
        return self.train_images.shape[1]

    @property
    def image_size(self) -> int:
        return self.train_images.shape[-1]


def make_dataset(
    name: str, source: str, images: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> Dataset:
    """From a training and a test part: images [N, C, H, W] of any real type, and their labels."""
    mean = images[0].mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation = images[0].std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)

    def scaled(part: np.ndarray) -> np.ndarray:
        values = part.astype(np.float32)
        values -= mean.astype(np.float32)  # in place: all of CIFAR-10 is 0.6 GB
        values /= np.maximum(deviation, 1e-6).astype(np.float32)
        return values

    train_labels, test_labels = (part.astype(np.int64) for part in labels)
    return Dataset(name, source, scaled(images[0]), train_labels, scaled(images[1]), test_labels)


def fitted(dataset: Dataset, size: int) -> Dataset:
    """The images with `size` rows and columns.

    Small images are enlarged by whole factors, then get a border of their darkest value. Raises
    ValueError for images that are larger.
    """
    factor = size // dataset.image_size
    if factor == 0:
        raise ValueError(
            f"fitted: images have {dataset.image_size} rows, they must have at most {size}"
        )
    border = size - factor * dataset.image_size
    sides = (border // 2, border - border // 2)
    dark = dataset.train_images.min()

    def fit(images: np.ndarray) -> np.ndarray:
        if factor > 1:
            images = images.repeat(factor, axis=2).repeat(factor, axis=3)
        if border:
            images = np.pad(images, ((0, 0), (0, 0), sides, sides), constant_values=dark)
        return images

    return replace(
        dataset, train_images=fit(dataset.train_images), test_images=fit(dataset.test_images)
    )


def read_bytes(path: Path) -> bytes:
    """The file's content, decompressed when it is gzip, whatever its name."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path} is truncated or damaged: expected a whole gzip file, but {error}"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: expected a file of images or labels, but {error.strerror}"
        ) from error


def check_label_range(path: Path, labels: np.ndarray) -> None:
    if labels.max() >= CLASSES:
        raise DataError(f"{path} holds the label {labels.max()}; expected 0 to {CLASSES - 1}")
