# SPDX-License-Identifier: Apache-2.0
"""channel_selection.py and pruned_network.py from end to end, in a tiny form."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import channel_selection
import pruned_network
import pytest
import torch
from nets import small_cnn
from side_by_side import Side
from torch import nn

import convwright

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_channel_selection_trains_alike(
    run_example: Run, fashion_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder, picture = fashion_folder(train=70, test=20), tmp_path / "new" / "bars.png"
    options = ["--batch", "16", "--threads", "1", "--test-images", "10", "--out", str(picture)]
    result = run_example("channel_selection", *options, CONVWRIGHT_DATA=str(folder))
    assert result.returncode == 0, result.stdout + result.stderr
    for expected in (
        f"Fashion-MNIST ({folder})",
        "64 images to train, 10 to test, 32 x 32 pixels",  # whole batches
        "wsum2d:fprop_n16ci16ih32iw32co16kh3kw3s1p1_f32_nhwc",
        "175,242",
        "27,818",
        "The weighted-sum forms trained alike.",
    ):
        assert expected in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_channel_selection_on_cifar10_by_autocast(
    run_example: Run, cifar_folder: Callable[..., Path], tmp_path: Path
) -> None:
    options = ["--autocast", "--batch", "8", "--threads", "1", "--out", str(tmp_path / "a.png")]
    result = run_example("channel_selection", *options, CONVWRIGHT_DATA=str(cifar_folder()))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "CIFAR-10" in result.stdout
    assert "bfloat16 by autocast" in result.stdout


def test_pruned_network_writes_its_picture(
    run_example: Run, fashion_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder, picture = fashion_folder(train=128, test=20), tmp_path / "pruned.png"
    record = tmp_path / "new" / "pruned.json"
    options = ["--batch", "4", "--threads", "1", "--out", str(picture), "--record", str(record)]
    result = run_example("pruned_network", *options, CONVWRIGHT_DATA=str(folder))
    assert result.returncode == 0, result.stdout + result.stderr
    for expected in (
        *("16 32 64", "11 23 45", "unfold and GEMM", "PyTorch, channels_last"),
        "PyTorch and Convwright give the same scores.",
    ):
        assert expected in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = json.loads(record.read_text())["rows"]
    names = [" ".join(map(str, widths)) for widths in pruned_network.WIDTHS]
    assert [row["network"] for row in rows] == names
    costs = [row["cost"] for row in rows]
    assert costs == sorted(costs, reverse=True) and len(set(costs)) == len(costs)
    # Of the full network: 2 * (9 * (1 * 16 * 784 + 16 * 32 * 196 + 32 * 64 * 49) + 64 * 49 * 10)
    assert costs[0] == 3_901_184


@torch.no_grad()
def test_unfold_and_gemm_is_a_convolution() -> None:
    """Of integers, so to the bit, in a geometry whose axes differ."""
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    layer = pruned_network.UnfoldConv2d(3, 5, (3, 2), **options)
    for parameter in layer.parameters():
        parameter.copy_(torch.randint(-3, 4, parameter.shape))
    images = torch.randint(-3, 4, (2, 3, 7, 6)).float()
    expected = nn.functional.conv2d(images, layer.weight, layer.bias, *options.values())
    assert torch.equal(layer(images), expected)


def test_pruned_network_times_pytorch_itself() -> None:
    """A side called PyTorch holds PyTorch's layers, and only Convwright's side holds ours."""
    kinds = {
        pruned_network.UNFOLD: pruned_network.UnfoldConv2d,
        pruned_network.OURS: convwright.nn.Conv2d,
    }
    for name, side in pruned_network.make_sides(small_cnn()).items():
        expected = kinds.get(name, nn.Conv2d)
        convs = [layer for layer in side.model if isinstance(layer, nn.Conv2d)]
        assert [type(layer) for layer in convs] == [expected] * 3, name


def test_short_sets_what_was_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["channel_selection.py", "--short", "--test-images", "5"])
    options = channel_selection.parse_options()
    assert (options.epochs, options.train_images, options.test_images) == (1, 6400, 5)


def test_forms_begin_with_equal_weights_and_their_own_layers() -> None:
    options = channel_selection.argparse.Namespace(autocast=False, compile=False)
    sides = channel_selection.make_sides(options, steps=4)
    images = torch.randn(2, 3, 32, 32)
    scores = [side.model.eval()(images) for form, side in sides.items() if form != "dense"]
    for other in scores[1:]:
        torch.testing.assert_close(other, scores[0], rtol=1e-4, atol=1e-4)
    assert list(sides)[-1] == "convwright"  # ratios are to the last


@pytest.mark.parametrize("loss, found", [(1.0, 0), (1.1, 2), (float("nan"), 2)])
def test_other_losses_are_disagreements(loss: float, found: int) -> None:
    sides = {
        form: Side(form, nn.Linear(1, 1), losses=[1.0, loss if form == "convwright" else 1.0, 1.0])
        for form in ("linear", "conv1x1", "convwright")
    }
    assert len(channel_selection.disagreements(sides, channel_selection.LOSS_LIMITS)) == found
