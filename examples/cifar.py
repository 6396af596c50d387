# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 in its own binary form: five files of training images and one of test images.

Format: the section "Binary version" of the data set's page. A record is one byte of label and 3072
of pixels: 32 rows of 32 red values, then green, then blue.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dataset import DataError, Dataset, check_label_range, make_dataset, read_bytes

CIFAR10 = "CIFAR-10"
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILE = "test_batch.bin"
IMAGE_SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes


def holds_cifar10(folder: Path) -> bool:
    """Whether any of the six files is there: then the others are missed, not replaced."""
    return any((folder / name).exists() for name in (*TRAIN_FILES, TEST_FILE))


def load_cifar10(folder: Path) -> Dataset:
    """Reads the six files of `folder`. A file may hold any number of whole records."""
    train = [read_batch(folder / name) for name in TRAIN_FILES]
    test_images, test_labels = read_batch(folder / TEST_FILE)
    train_images, train_labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return make_dataset(
        CIFAR10, str(folder), (train_images, test_images), (train_labels, test_labels)
    )


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 3, 32, 32] and labels [N] of one file, unsigned bytes."""
    content = read_bytes(path)
    if not content or len(content) % RECORD:
        raise DataError(
            f"{path} is truncated or no CIFAR-10 batch: expected one or more records of {RECORD} "
            f"bytes, found {len(content)} bytes"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    check_label_range(path, labels)
    return records[:, 1:].reshape(-1, *IMAGE_SHAPE), labels
