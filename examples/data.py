# SPDX-License-Identifier: Apache-2.0
"""Which images to train on: the user's folder, else Fashion-MNIST where it is installed, else
scikit-learn's digits.

Nothing is downloaded. CONVWRIGHT_DATA names a folder of Fashion-MNIST's IDX files or of CIFAR-10's
binary batches; without it, Fashion-MNIST is looked for where the Debian package
`dataset-fashion-mnist` puts it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from cifar import holds_cifar10, load_cifar10
from dataset import DataError, Dataset, make_dataset
from idx import load_fashion_mnist

DIGITS = "digits"


def load() -> Dataset:
    """The best data set of this machine. Raises DataError when a folder is there but not right."""
    chosen = os.environ.get("CONVWRIGHT_DATA")
    if chosen:
        folder = Path(chosen)
        try:
            return load_cifar10(folder) if holds_cifar10(folder) else load_fashion_mnist(folder)
        except DataError as error:
            raise DataError(f"CONVWRIGHT_DATA is {chosen!r}: {error}") from error
    installed = find_installed_folder()
    return load_fashion_mnist(installed) if installed else load_digits()


def find_installed_folder() -> Path | None:
    """Where a package has put Fashion-MNIST, under one of the system's data folders."""
    prefixes = [*os.environ.get("XDG_DATA_DIRS", "").split(":"), "/usr/local/share", "/usr/share"]
    folders = (Path(prefix) / "datasets" / "fashion-mnist" for prefix in prefixes if prefix)
    return next((folder for folder in folders if folder.is_dir()), None)


def load_digits() -> Dataset:
    """1797 handwritten digits of 8 x 8 pixels that come with scikit-learn; each fifth is a test."""
    from sklearn.datasets import load_digits as sklearn_digits

    digits = sklearn_digits()
    pixels = digits.images[:, None]
    is_test = np.arange(len(digits.target)) % 5 == 0
    return make_dataset(
        DIGITS,
        "scikit-learn, as Fashion-MNIST is not installed",
        (pixels[~is_test], pixels[is_test]),
        (digits.target[~is_test], digits.target[is_test]),
    )
