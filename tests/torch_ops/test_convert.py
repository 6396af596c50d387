# SPDX-License-Identifier: Apache-2.0
"""convert_: in place, nothing lost, every layer reported."""

import torch
from torch import nn

import convwright


class Special(nn.Conv2d):
    """A subclass that may do anything."""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.again = self.first
        self.blocks = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), Special(4, 4, 1)]
        )
        self.lazy = nn.LazyConv2d(4, 1)
        self.up = nn.ConvTranspose2d(4, 4, 2)
        self.deep = nn.Conv3d(4, 4, 1)
        self.line = nn.Conv1d(3, 3, 1)


def test_report() -> None:
    report = convwright.convert_(Net())
    rows = {layer.name: (layer.type, layer.converted, layer.reason) for layer in report.layers}
    assert rows == {
        "first": ("Conv2d", True, ""),
        "blocks.0.0": ("Conv2d", True, ""),
        "blocks.1": ("Special", False, "a subclass of torch.nn.Conv2d"),
        "lazy": ("LazyConv2d", False, "its sizes are unknown until the first forward"),
        "up": ("ConvTranspose2d", True, ""),
        "deep": ("Conv3d", False, "no kernel for this kind of convolution"),
        "line": ("Conv1d", True, ""),
    }
    assert report.converted == 4
    assert str(report).splitlines()[:2] == [
        "4 of 7 convolutions converted",
        "  first       Conv2d  converted",
    ]


def test_everything_about_a_layer_stays() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)).double().eval()
    layer, parameters = model[0], list(model.parameters())
    layer.weight.requires_grad_(False)
    layer.note = "mine"
    calls = []
    layer.register_forward_hook(lambda *_: calls.append("forward"))
    input = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    expected = model(input)

    convwright.convert_(model)
    assert model[0] is layer
    assert type(layer) is convwright.nn.Conv2d
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert (layer.training, layer.note, layer.weight.dtype) == (False, "mine", torch.float64)
    assert not layer.weight.requires_grad
    assert torch.equal(model(input), expected)
    assert calls == ["forward", "forward"]


def test_shared_layer_stays_shared() -> None:
    model = Net()
    convwright.convert_(model)
    assert model.first is model.again
    assert type(model.again) is convwright.nn.Conv2d


def test_optimizer_made_before_trains_the_layer() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=1)
    convwright.convert_(model)
    before = model[0].weight.detach().clone()
    model(torch.ones(1, 3, 4, 4)).sum().backward()
    optimizer.step()
    assert not torch.equal(model[0].weight, before)


def test_filter() -> None:
    model = Net()
    asked = []

    def only_blocks(name: str, module: nn.Module) -> bool:
        asked.append((name, module))
        return name.startswith("blocks")

    report = convwright.convert_(model, only_blocks)
    assert asked == [
        ("first", model.first),
        ("blocks.0.0", model.blocks[0][0]),
        ("up", model.up),
        ("line", model.line),
    ]
    assert [layer.name for layer in report.layers if layer.converted] == ["blocks.0.0"]
    assert report.layers[0].reason == "filter_fn"


def test_model_that_is_one_layer() -> None:
    layer = nn.Conv2d(3, 4, 3)
    report = convwright.convert_(layer)
    assert type(layer) is convwright.nn.Conv2d
    assert str(report) == "1 of 1 convolutions converted\n  (model)  Conv2d  converted"


def test_twice() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    convwright.convert_(model)
    (layer,) = convwright.convert_(model).layers
    assert (layer.converted, layer.reason) == (False, "already Convwright's")


def test_model_without_convolutions() -> None:
    assert str(convwright.convert_(nn.Linear(2, 2))) == "0 of 0 convolutions converted"


def test_a_layer_with_a_forward_of_its_own_is_left() -> None:
    """Convwright would not be called, and approximate products not be taken."""
    for settings in ({}, {"multiplier": "mbm"}):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
        model[0].forward = lambda x: x.new_zeros(1, 4, 6, 6)
        report = convwright.convert_(model, **settings)
        assert [layer.reason for layer in report.layers] == ["it has a forward of its own", ""]
        assert type(model[0]) is nn.Conv2d
