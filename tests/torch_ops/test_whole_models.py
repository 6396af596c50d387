# SPDX-License-Identifier: Apache-2.0
"""convert_ on networks of the shelf: each layer reported, outputs and a training step PyTorch's."""

import copy

import pytest
import torch
import vision_nets
from cases import memory_order
from torch import Tensor, nn

import convwright

# Convolutions of each, all of which Convwright takes.
NETWORKS = {"resnet18": 20, "mobilenet_v2": 52, "convnext_tiny": 22}


def make(library: str, name: str) -> nn.Module:
    """The network with random weights, by this folder or by a library where it is installed."""
    torch.manual_seed(0)
    if library == "here":
        return getattr(vision_nets, name)(classes=10)
    if library == "torchvision":
        models = pytest.importorskip("torchvision.models", exc_type=ImportError)
        return getattr(models, name)(num_classes=10)
    timm = pytest.importorskip("timm", exc_type=ImportError)
    timm_name = {"mobilenet_v2": "mobilenetv2_100"}.get(name, name)
    return timm.create_model(timm_name, num_classes=10)


def assert_as_close(ours: Tensor, torchs: Tensor, wide: Tensor) -> None:
    """Ours is as far from float64's result as PyTorch's float32 is, or nearer than 4 times that.

    Both are sums of the same products in another order: their errors have one distribution. Twice
    epsilon of the largest value stands for results that PyTorch has exact by chance.
    """
    floor = 2 * torch.finfo(torch.float32).eps * wide.abs().max()
    theirs = (torchs.double() - wide).abs().max()
    assert (ours.double() - wide).abs().max() <= 4 * theirs + floor


def step(model: nn.Module, images: Tensor) -> list[Tensor]:
    """Loss and gradients of one training step."""
    loss = model(images).square().mean()
    loss.backward()
    return [loss.detach(), *(p.grad for p in model.parameters())]


@pytest.mark.parametrize("format", ["contiguous_format", "channels_last"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("library", ["here", "torchvision", "timm"])
def test_networks(library: str, name: str, format: str) -> None:
    torchs = make(library, name).to(memory_format=getattr(torch, format)).eval()
    ours, wide = copy.deepcopy(torchs), copy.deepcopy(torchs).double()
    report = convwright.convert_(ours)
    assert (report.converted, len(report.layers)) == (NETWORKS[name], NETWORKS[name])
    images = torch.randn(2, 3, 32, 32).contiguous(memory_format=getattr(torch, format))
    with torch.no_grad():
        assert_as_close(ours(images), torchs(images), wide(images.double()))
    assert ours.state_dict().keys() == torchs.state_dict().keys()
    # In evaluation mode: with 8 values in a batch's statistics rounding errors grow without bound.
    (loss, *grads), (torchs_loss, *torchs_grads) = step(ours, images), step(torchs, images)
    torch.testing.assert_close(loss, torchs_loss)
    _, *wide_grads = step(wide, images.double())
    for grad, torchs_grad, wide_grad in zip(grads, torchs_grads, wide_grads, strict=True):
        assert_as_close(grad, torchs_grad, wide_grad)
        assert memory_order(grad) == memory_order(torchs_grad)


def test_each_kernel_of_a_network_is_ours() -> None:
    model = make("here", "mobilenet_v2").eval().requires_grad_(False)
    convwright.convert_(model)
    rows = convwright.explain(model, torch.randn(1, 3, 64, 64)).rows
    assert len(rows) == NETWORKS["mobilenet_v2"]
    assert not [row for row in rows if row.kernel == "PyTorch"]


def test_layers_that_stay_are_listed_with_the_reason() -> None:
    model = nn.Sequential(
        make("here", "resnet18")[:4], nn.Conv3d(64, 8, 1), nn.ConvTranspose3d(8, 8, 1)
    )
    report = convwright.convert_(model)
    assert [(layer.name, layer.reason) for layer in report.layers] == [
        ("0.0", ""),
        ("1", "no kernel for this kind of convolution"),
        ("2", "no kernel for this kind of convolution"),
    ]
    assert "  1    Conv3d  left: no kernel for this kind of convolution" in str(report).splitlines()
