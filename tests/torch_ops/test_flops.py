# SPDX-License-Identifier: Apache-2.0
"""convwright.flops: hand-computed values, and PyTorch's own count."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import convwright
from convwright import _flops
from convwright._flops import Flops


def pruned_network(first: int, second: int, hidden: int) -> nn.Sequential:
    """Two 3x3 convolutions without padding on 28x28, and two linear layers, 10 classes."""
    return nn.Sequential(
        nn.Conv2d(1, first, 3),
        nn.ReLU(),
        nn.Conv2d(first, second, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * 24 * 24, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 10),
    )


IMAGE = torch.zeros(1, 1, 28, 28)


@pytest.mark.parametrize(
    ("widths", "operations"),
    [
        ((16, 16, 100), 2_387_322),
        ((8, 32, 50), 2_345_666),
        ((1, 24, 6), 242_526),
        ((1, 24, 10), 297_870),
    ],
)
@pytest.mark.parametrize("convert", [False, True], ids=["torch", "convwright"])
def test_the_pruned_network_by_hand(
    widths: tuple[int, int, int], operations: int, convert: bool
) -> None:
    network = pruned_network(*widths)
    if convert:
        convwright.convert_(network)
    count = convwright.flops(network, IMAGE, bias_and_relu=True)
    assert count.total.accumulated == operations
    assert list(count.layers) == ["0", "1", "2", "3", "5", "6", "7"]
    first, _, hidden = widths
    outputs = first * 26 * 26
    assert count.layers["0"] == Flops(multiplies=9 * outputs, adds=9 * outputs, bias=outputs)
    assert count.layers["1"] == Flops(relu=outputs)
    assert count.layers["7"] == Flops(multiplies=10 * hidden, adds=10 * hidden, bias=10)


def test_bias_and_relu_are_left_out_without_the_flag() -> None:
    count = convwright.flops(pruned_network(1, 24, 6), IMAGE)
    assert (count.total.bias, count.total.relu) == (0, 0)
    assert list(count.layers) == ["0", "2", "5", "7"]
    assert count.total.total == 2 * count.total.multiplies


class Everything(nn.Module):
    """Convolutions of all kinds, products of matrices, and a function outside the layers."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(4, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False),
            nn.ReLU6(),
            nn.Conv2d(8, 12, 1, groups=4),
            nn.ConvTranspose2d(12, 6, 2, stride=2),
        )
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.convolutions(x).flatten(2).transpose(1, 2)
        return self.attention(rows, rows, rows)[0] @ rows.transpose(1, 2)


@pytest.mark.parametrize("convert", [False, True], ids=["torch", "convwright"])
def test_the_total_is_that_of_pytorch(convert: bool) -> None:
    model, x = Everything(), torch.randn(2, 4, 9, 11)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    if convert:
        convwright.convert_(model)
    count = convwright.flops(model, x)
    assert count.total.total == counter.get_total_flops()
    assert count.total.multiplies == count.total.adds
    assert "" in count.layers  # of the module itself: the last product


def test_two_convolutions_in_a_row_are_counted_as_two() -> None:
    layer = convwright.nn.WeightedSumConv2d(16, 32, 3, padding=1)
    x = torch.randn(2, 16, 8, 8).contiguous(memory_format=torch.channels_last)
    pixels = 2 * 8 * 8
    products = pixels * (16 * 32 + 9 * 32)
    count = convwright.flops(layer, x, bias_and_relu=True)
    assert count.layers == {"": Flops(multiplies=products, adds=products, bias=pixels * 32)}
    separable = convwright.nn.DepthwiseSeparableConv2d(16, 32, 3, padding=1, bias=False)
    products = pixels * (9 * 16 + 16 * 32)
    assert convwright.flops(separable, x).total == Flops(multiplies=products, adds=products)


def test_the_relu_of_a_fused_layer_is_counted() -> None:
    layer = convwright.nn.Conv2dReLU(4, 8, 3)
    count = convwright.flops(layer, torch.randn(1, 4, 8, 8), bias_and_relu=True)
    outputs = 8 * 6 * 6
    assert count.total == Flops(
        multiplies=36 * outputs, adds=36 * outputs, bias=outputs, relu=outputs
    )


@pytest.mark.parametrize("number_format", ["float32", "int8"])
@pytest.mark.parametrize("multiplier", ["mbm", "exact"])
def test_approximate_products_stand_apart(multiplier: str, number_format: str) -> None:
    options = {"multiplier": multiplier, "number_format": number_format}
    network = nn.Sequential(
        convwright.nn.ApproxConv2d(2, 4, 3, **options),
        nn.Flatten(),
        convwright.nn.ApproxLinear(4 * 4 * 4, 3, **options),
        nn.Linear(3, 2, bias=False),
    )
    x = torch.rand(5, 2, 6, 6)
    if number_format == "int8":
        convwright.quantisation.calibrate_(network, [x])
    count = convwright.flops(network, x, bias_and_relu=True)
    outputs, rows = 5 * 4 * 4 * 4, 5 * 3
    kind = "multiplies" if multiplier == "exact" else "approximate"
    assert count.layers == {
        "0": Flops(**{kind: 18 * outputs}, adds=18 * outputs, bias=outputs),
        "2": Flops(**{kind: 64 * rows}, adds=64 * rows, bias=rows),
        "3": Flops(multiplies=5 * 6, adds=5 * 6),
    }


def test_the_model_is_left_as_it_was_and_a_failure_too() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    before = [buffer.clone() for buffer in model.buffers()]
    x = torch.randn(2, 1, 5, 5)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    convwright.flops(model, x)
    assert torch.equal(torch.rand(1), expected)
    for buffer, kept in zip(model.buffers(), before, strict=True):
        assert torch.equal(buffer, kept)
    with pytest.raises(RuntimeError):
        convwright.flops(model, torch.randn(2, 3, 5, 5))
    assert not any(module._forward_hooks for module in model.modules())
    assert _flops._counting.count is None


def test_a_function_and_the_text() -> None:
    weight = torch.randn(3, 5)
    count = convwright.flops(lambda x: torch.relu(x @ weight), torch.randn(7, 3))
    assert count.layers == {"": Flops(multiplies=105, adds=105)}
    assert str(convwright.flops(pruned_network(1, 24, 6), IMAGE)).splitlines()[0].split() == [
        *("layer", "multiplies", "approximate", "adds", "bias", "relu", "total"),
    ]
