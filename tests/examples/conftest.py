# SPDX-License-Identifier: Apache-2.0
"""Makes examples/ importable, and small stand-ins for the files of Fashion-MNIST."""

import gzip
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))


def idx_bytes(values: np.ndarray) -> bytes:
    """`values`, unsigned bytes, in the IDX format."""
    sizes = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes((0, 0, 8, values.ndim)) + sizes + values.astype(np.uint8).tobytes()


@pytest.fixture
def fashion_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of the four files with `train` and `test` images; returns the folder.

    An image of class k has a bright row k above noise, so that a network can learn it.
    """

    def write(train: int = 20, test: int = 10, compress: bool = True) -> Path:
        random = np.random.default_rng(0)
        folder = tmp_path / "fashion"
        folder.mkdir()
        for prefix, count in (("train", train), ("t10k", test)):
            labels = np.arange(count) % 10
            images = random.integers(0, 100, (count, 28, 28))
            images[np.arange(count), 2 * labels + 4] = 255
            for name, values in (("images-idx3", images), ("labels-idx1", labels)):
                content = idx_bytes(values)
                path = folder / f"{prefix}-{name}-ubyte{'.gz' if compress else ''}"
                path.write_bytes(gzip.compress(content) if compress else content)
        return folder

    return write
