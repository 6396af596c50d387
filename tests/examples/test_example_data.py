# SPDX-License-Identifier: Apache-2.0
"""The examples' data: good folders are read, bad ones named in one sentence."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import data
import numpy as np
import pytest
from cifar import RECORD
from dataset import DataError, fitted

Folder = Callable[..., Path]
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize("compress", [True, False], ids=["gzip", "plain"])
def test_reads_a_folder(
    fashion_folder: Folder, monkeypatch: pytest.MonkeyPatch, compress: bool
) -> None:
    folder = fashion_folder(train=20, test=10, compress=compress)
    monkeypatch.setenv("CONVWRIGHT_DATA", str(folder))
    dataset = data.load()
    assert (dataset.name, dataset.source) == ("Fashion-MNIST", str(folder))
    assert dataset.train_images.shape == (20, 1, 28, 28)
    assert dataset.train_images.dtype == np.float32
    assert dataset.train_images.mean() == pytest.approx(0, abs=1e-5)
    assert dataset.train_images.std() == pytest.approx(1, abs=1e-5)
    assert dataset.test_images.shape == (10, 1, 28, 28)
    assert dataset.test_labels.dtype == np.int64
    assert dataset.test_labels.tolist() == list(range(10))


def test_a_gzip_name_may_hold_plain_bytes(fashion_folder: Folder) -> None:
    folder = fashion_folder()
    path = folder / f"{LABELS}.gz"
    path.write_bytes(gzip.decompress(path.read_bytes()))
    assert len(data.load_fashion_mnist(folder).train_labels) == 20


def test_finds_the_installed_folder(
    fashion_folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = tmp_path / "share" / "datasets" / "fashion-mnist"
    installed.parent.mkdir(parents=True)
    fashion_folder().rename(installed)
    monkeypatch.delenv("CONVWRIGHT_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_DIRS", f"/nowhere:{tmp_path / 'share'}")
    assert data.load().source == str(installed)


def test_digits_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVWRIGHT_DATA", raising=False)
    monkeypatch.setattr(data, "find_installed_folder", lambda: None)
    dataset = data.load()
    assert dataset.name == "digits"
    assert "scikit-learn" in dataset.source
    assert dataset.image_size == 8
    assert (len(dataset.train_labels), len(dataset.test_labels)) == (1437, 360)


def header(magic: int, *sizes: int) -> bytes:
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes)


PIXELS = 20 * 28 * 28
BAD_FILES = {
    "not IDX": (IMAGES, b"PNG!" + bytes(100), "expected it to begin with 00 00 08 03, found 50 4e"),
    "empty": (IMAGES, b"", "expected it to begin with 00 00 08 03, found nothing"),
    "labels for images": (IMAGES, header(0x801, 20) + bytes(20), "IDX file with 3 dimensions"),
    "short header": (IMAGES, header(0x803, 20), "truncated: expected a header of 16 bytes"),
    "truncated": (
        IMAGES,
        header(0x803, 20, 28, 28) + bytes(PIXELS - 1),
        "truncated: expected 20 x 28 x 28 bytes after its header, found 15679",
    ),
    "too long": (IMAGES, header(0x803, 20, 28, 28) + bytes(PIXELS + 1), "too long: expected"),
    "huge sizes": (IMAGES, header(0x803, *[2**32 - 1] * 3), "truncated: expected 4294967295 x"),
    "other size": (IMAGES, header(0x803, 20, 8, 8) + bytes(20 * 64), "images of 28 x 28"),
    "no images": (IMAGES, header(0x803, 0, 28, 28), "one or more images of 28 x 28"),
    "count": (LABELS, header(0x801, 19) + bytes(19), "holds 19 labels; expected 20"),
    "label": (LABELS, header(0x801, 20) + bytes([10] * 20), "holds the label 10; expected 0 to 9"),
    "damaged gzip": (IMAGES, b"\x1f\x8b\x08\x00" + bytes(20), "expected a whole gzip file"),
}


@pytest.mark.parametrize("name, content, text", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_named_in_one_sentence(
    fashion_folder: Folder, name: str, content: bytes, text: str
) -> None:
    folder = fashion_folder(compress=False)
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        data.load_fashion_mnist(folder)
    message = str(caught.value)
    assert message.startswith(str(folder / name))
    assert text in message
    assert "expected" in message
    assert "\n" not in message


def test_a_gzip_file_cut_off(fashion_folder: Folder) -> None:
    folder = fashion_folder()
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="truncated or damaged: expected a whole gzip file"):
        data.load_fashion_mnist(folder)


def test_a_missing_file(fashion_folder: Folder) -> None:
    folder = fashion_folder()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"neither t10k-labels-idx1-ubyte nor"):
        data.load_fashion_mnist(folder)


def test_a_missing_folder_is_not_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONVWRIGHT_DATA", str(tmp_path / "none"))
    expected = f"^CONVWRIGHT_DATA is '{tmp_path}/none': .*none is not a folder; expected one with"
    with pytest.raises(DataError, match=expected):
        data.load()


def test_a_folder_in_place_of_a_file(fashion_folder: Folder) -> None:
    folder = fashion_folder(compress=False)
    (folder / IMAGES).unlink()
    (folder / IMAGES).mkdir()
    with pytest.raises(DataError, match=r"cannot be read: expected a file of .*, but Is a dir"):
        data.load_fashion_mnist(folder)


def test_reads_cifar10(cifar_folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cifar_folder(records=4)
    monkeypatch.setenv("CONVWRIGHT_DATA", str(folder))
    dataset = data.load()
    assert (dataset.name, dataset.source) == ("CIFAR-10", str(folder))
    assert dataset.train_images.shape == (20, 3, 32, 32)
    assert dataset.test_images.shape == (4, 3, 32, 32)
    assert dataset.train_labels.tolist()[:5] == [0, 1, 2, 3, 1]
    assert dataset.test_labels.tolist() == [5, 6, 7, 8]
    assert dataset.train_images.mean(axis=(0, 2, 3)) == pytest.approx([0, 0, 0], abs=1e-4)
    first_column, rest = dataset.test_images[..., :1], dataset.test_images[..., 1:]
    assert first_column.min() > 0 > rest.max()  # rows lie one after another


BAD_BATCHES = {
    "truncated": (bytes(4 * RECORD - 1), f"expected one or more records of {RECORD} bytes, found"),
    "empty": (b"", "found 0 bytes"),
    "label": (bytes([10]) + bytes(RECORD - 1), "holds the label 10; expected 0 to 9"),
}


@pytest.mark.parametrize("name", ["data_batch_3.bin", "test_batch.bin"])
@pytest.mark.parametrize("content, text", BAD_BATCHES.values(), ids=BAD_BATCHES.keys())
def test_a_bad_batch_is_named_in_one_sentence(
    cifar_folder: Folder, name: str, content: bytes, text: str
) -> None:
    folder = cifar_folder()
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        data.load_cifar10(folder)
    message = str(caught.value)
    assert message.startswith(str(folder / name))
    assert text in message
    assert "\n" not in message


def test_a_missing_batch_is_not_replaced(
    cifar_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = cifar_folder()
    (folder / "data_batch_1.bin").unlink()
    monkeypatch.setenv("CONVWRIGHT_DATA", str(folder))
    with pytest.raises(DataError, match=r"data_batch_1\.bin cannot be read: .* No such file"):
        data.load()


def test_fitted_pads_fashion_mnist_and_enlarges_digits(fashion_folder: Folder) -> None:
    before = data.load_fashion_mnist(fashion_folder())
    after = fitted(before, 32)
    assert after.train_images.shape == (20, 1, 32, 32)
    assert (after.train_images[..., 2:30, 2:30] == before.train_images).all()
    assert (after.train_images[..., :2] == before.train_images.min()).all()
    digits = data.load_digits()
    assert (fitted(digits, 32).test_images[..., ::4, 3::4] == digits.test_images).all()
    with pytest.raises(ValueError, match="28 rows, they must have at most 16"):
        fitted(before, 16)
