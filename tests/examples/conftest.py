# SPDX-License-Identifier: Apache-2.0
"""Makes examples/ importable and runs them; small stand-ins for the files of data sets."""

import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))


@pytest.fixture
def run_example() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs examples/NAME.py with options, and environment variables as keywords."""

    def run(name: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(EXAMPLES / f"{name}.py"), *options],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "torch_ops" / "python")} | environment,
            check=False,
        )

    return run


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


@pytest.fixture
def cifar_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of CIFAR-10's six files with `records` images each; returns the folder.

    Pixel values say where they are: red is 10, green 20, blue 30, the first column 200.
    """

    def write(records: int = 4) -> Path:
        folder = tmp_path / "cifar"
        folder.mkdir()
        pixels = np.repeat(np.array([10, 20, 30], np.uint8), 1024).reshape(3, 32, 32)
        pixels[:, :, 0] = 200
        names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
        for first, name in enumerate(names):
            labels = (first + np.arange(records)) % 10
            content = b"".join(bytes([label]) + pixels.tobytes() for label in labels)
            (folder / name).write_bytes(content)
        return folder

    return write
