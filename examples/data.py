# SPDX-License-Identifier: Apache-2.0
"""Images to train on: Fashion-MNIST where it is installed, else scikit-learn's digits.

Nothing is downloaded. Fashion-MNIST comes from a folder of IDX files, plain or gzip-compressed:
CONVWRIGHT_DATA when set, else where the Debian package `dataset-fashion-mnist` puts it.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FASHION_MNIST, DIGITS = "Fashion-MNIST", "digits"
CLASSES = 10
IMAGE_FILES = ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")
LABEL_FILES = ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte")


class DataError(Exception):
    """One sentence: which file, what it holds, what was expected."""


@dataclass(frozen=True)
class Dataset:
    """Images [N, 1, H, W], float32, with mean 0 and deviation 1; labels [N], int64, 0 to 9."""

    name: str
    source: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def image_size(self) -> int:
        return self.train_images.shape[-1]


def load() -> Dataset:
    """The best data set of this machine. Raises DataError when a folder is there but not right."""
    chosen = os.environ.get("CONVWRIGHT_DATA")
    if chosen:
        return load_fashion_mnist(Path(chosen))
    installed = find_installed_folder()
    return load_fashion_mnist(installed) if installed else load_digits()


def find_installed_folder() -> Path | None:
    """Where a package has put Fashion-MNIST, under one of the system's data folders."""
    prefixes = [*os.environ.get("XDG_DATA_DIRS", "").split(":"), "/usr/local/share", "/usr/share"]
    folders = (Path(prefix) / "datasets" / "fashion-mnist" for prefix in prefixes if prefix)
    return next((folder for folder in folders if folder.is_dir()), None)


def load_fashion_mnist(folder: Path) -> Dataset:
    """Reads the four IDX files of `folder`."""
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder; expected one with {IMAGE_FILES[0]} and three more IDX files"
        )
    images, labels = [], []
    for image_name, label_name in zip(IMAGE_FILES, LABEL_FILES, strict=True):
        image_path, label_path = find_file(folder, image_name), find_file(folder, label_name)
        images.append(read_idx(image_path, dimensions=3))
        labels.append(read_idx(label_path, dimensions=1))
        check_images(image_path, images[-1])
        check_labels(label_path, labels[-1], image_path, len(images[-1]))
    return make_dataset(FASHION_MNIST, str(folder), images, labels)


def load_digits() -> Dataset:
    """1797 handwritten digits of 8 x 8 pixels that come with scikit-learn; each fifth is a test."""
    from sklearn.datasets import load_digits as sklearn_digits

    digits = sklearn_digits()
    is_test = np.arange(len(digits.target)) % 5 == 0
    images = [digits.images[~is_test], digits.images[is_test]]
    labels = [digits.target[~is_test], digits.target[is_test]]
    return make_dataset(DIGITS, "scikit-learn, as Fashion-MNIST is not installed", images, labels)


def make_dataset(
    name: str, source: str, images: list[np.ndarray], labels: list[np.ndarray]
) -> Dataset:
    """Training and test parts to floats, scaled by the training part's mean and deviation."""
    mean, deviation = images[0].mean(), images[0].std()
    train, test = (
        ((part[:, None].astype(np.float32) - mean) / max(deviation, 1e-6)).astype(np.float32)
        for part in images
    )
    return Dataset(
        name, source, train, labels[0].astype(np.int64), test, labels[1].astype(np.int64)
    )


def find_file(folder: Path, name: str) -> Path:
    """`name` in `folder`, plain or with .gz."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise DataError(f"{folder} has neither {name} nor {name}.gz; expected one of them")


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The unsigned bytes of an IDX file: a magic number, big-endian sizes, then the values.

    Format: the page "THE IDX FILE FORMAT" of the MNIST database.
    """
    content = read_bytes(path)
    # Two zero bytes, 8 for unsigned bytes, the number of dimensions.
    magic = bytes((0, 0, 8, dimensions))
    if content[:4] != magic:
        raise DataError(
            f"{path} is not an IDX file with {dimensions} dimension{'s' * (dimensions > 1)} of "
            f"unsigned bytes: expected it to begin with {magic.hex(' ')}, "
            f"found {content[:4].hex(' ') or 'nothing'}"
        )
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise DataError(
            f"{path} is truncated: expected a header of {header} bytes, found {len(content)} bytes"
        )
    sizes = [int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4)]
    values = len(content) - header
    if values != math.prod(sizes):
        raise DataError(
            f"{path} is {'truncated' if values < math.prod(sizes) else 'too long'}: expected "
            f"{' x '.join(map(str, sizes))} bytes after its header, found {values}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes)


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
            f"{path} cannot be read: expected an IDX file, but {error.strerror}"
        ) from error


def check_images(path: Path, images: np.ndarray) -> None:
    if len(images) == 0 or images.shape[1:] != (28, 28):
        found = " x ".join(map(str, images.shape))
        raise DataError(f"{path} holds {found} pixels; expected one or more images of 28 x 28")


def check_labels(path: Path, labels: np.ndarray, image_path: Path, images: int) -> None:
    if len(labels) != images:
        raise DataError(
            f"{path} holds {len(labels)} labels; expected {images}, as {image_path.name} has images"
        )
    if labels.max() >= CLASSES:
        raise DataError(f"{path} holds the label {labels.max()}; expected 0 to {CLASSES - 1}")
