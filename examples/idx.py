# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST: a folder of four IDX files, plain or gzip-compressed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from dataset import DataError, Dataset, check_label_range, make_dataset, read_bytes

FASHION_MNIST = "Fashion-MNIST"
IMAGE_FILES = ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")
LABEL_FILES = ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte")


def load_fashion_mnist(folder: Path) -> Dataset:
    """Reads the four IDX files of `folder`."""
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder; expected one with {IMAGE_FILES[0]} and three more IDX files"
        )
    images, labels = [], []
    for image_name, label_name in zip(IMAGE_FILES, LABEL_FILES, strict=True):
        image_path, label_path = find_file(folder, image_name), find_file(folder, label_name)
        pixels = read_idx(image_path, dimensions=3)
        check_images(image_path, pixels)
        images.append(pixels[:, None])
        labels.append(read_idx(label_path, dimensions=1))
        check_labels(label_path, labels[-1], image_path, len(pixels))
    return make_dataset(FASHION_MNIST, str(folder), images, labels)


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


def check_images(path: Path, images: np.ndarray) -> None:
    if len(images) == 0 or images.shape[1:] != (28, 28):
        found = " x ".join(map(str, images.shape))
        raise DataError(f"{path} holds {found} pixels; expected one or more images of 28 x 28")


def check_labels(path: Path, labels: np.ndarray, image_path: Path, images: int) -> None:
    if len(labels) != images:
        raise DataError(
            f"{path} holds {len(labels)} labels; expected {images}, as {image_path.name} has images"
        )
    check_label_range(path, labels)
