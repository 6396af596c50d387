# SPDX-License-Identifier: Apache-2.0
"""The channel-selection network: its size, its forms that compute the same, and pruning."""

import nets
import pytest
import torch
from nets import channel_selection, copy_weights, parameter_count, small_cnn
from pruning import convolutions, pruned
from torch import nn

import convwright

SUMS = ["linear", "conv1x1", "convwright"]


@pytest.mark.parametrize("form, count", [("dense", 174_787), *((form, 27_363) for form in SUMS)])
def test_channel_selection_has_its_number_of_parameters(form: str, count: int) -> None:
    assert parameter_count(channel_selection(form, classes=3)) == count
    assert parameter_count(channel_selection(form, classes=10)) == count + 455


@pytest.mark.parametrize("form", nets.FORMS)
def test_only_the_convwright_form_has_layers_of_convwright(form: str) -> None:
    ours = [m for m in channel_selection(form).modules() if type(m).__module__.startswith("convw")]
    # Two layers in each of six blocks, and two shortcuts.
    assert len(ours) == (14 if form == "convwright" else 0)


@pytest.mark.parametrize("form", ["linear", "convwright"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluating"])
def test_weighted_sums_agree(form: str, training: bool) -> None:
    torch.manual_seed(0)
    reference = channel_selection("conv1x1").double().train(training)
    network = channel_selection(form).double().train(training)
    copy_weights(reference, network)
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    results = []
    for one in (reference, network):
        torch.manual_seed(1)  # dropout
        scores = one(images)
        gradients = torch.autograd.grad(scores.square().sum(), list(one.parameters()))
        results.append([scores, *(gradient.flatten() for gradient in gradients)])
    torch.testing.assert_close(results[1], results[0], rtol=1e-9, atol=1e-9)


def test_convwright_agrees_in_float32_with_its_own_kernels() -> None:
    torch.manual_seed(0)
    reference, network = channel_selection("conv1x1").eval(), channel_selection().eval()
    copy_weights(reference, network)
    images = torch.randn(4, 3, 32, 32)
    expected, found = reference(images), network(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    rows = convwright.explain(network, images).rows
    assert all(row.kernel != "PyTorch" for row in rows if row.layer != "stem")


def test_one_channel_is_taken_for_three() -> None:
    network = channel_selection("conv1x1").eval()
    grey = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_an_unknown_form_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="form is 'sparse', it must be one of"):
        channel_selection("sparse")


def test_copy_weights_takes_batch_norm_along_and_refuses_another_network() -> None:
    source, target = channel_selection("linear"), channel_selection("conv1x1")
    source(torch.randn(2, 3, 32, 32))  # moves the running statistics
    copy_weights(source, target)
    assert [t.flatten().tolist() for t in source.buffers()] == [
        t.flatten().tolist() for t in target.buffers()
    ]
    with pytest.raises(ValueError, match="networks must be of the same kind"):
        copy_weights(channel_selection("conv1x1", 3), target)


def test_pruning_nothing_keeps_the_function() -> None:
    model = small_cnn(image_size=28)
    images = torch.randn(2, 1, 28, 28)
    torch.testing.assert_close(pruned(model, (16, 32, 64))(images), model(images))


def test_pruning_keeps_the_strongest_channels() -> None:
    """Channels that are zero are the weakest, and nothing changes when they go."""
    torch.manual_seed(0)
    model, kept = small_cnn(image_size=8, channels=3), (11, 23, 45)
    with torch.no_grad():
        for layer, count in zip(convolutions(model), kept, strict=True):
            gone = torch.randperm(layer.out_channels)[count:]
            layer.weight[gone] = 0
            layer.bias[gone] = 0
    smaller = pruned(model, kept)
    assert [layer.out_channels for layer in convolutions(smaller)] == list(kept)
    assert {type(layer) for layer in convolutions(smaller)} == {nn.Conv2d}
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(smaller(images), model(images))


def test_pruning_cannot_add_channels() -> None:
    with pytest.raises(ValueError, match="a layer has 16 channels, 17 cannot be kept"):
        pruned(small_cnn(), (17, 32, 64))
