# SPDX-License-Identifier: Apache-2.0
"""convwright.nn.Conv2d in the place of torch.nn.Conv2d."""

import copy
import io
import pickle

import pytest
import torch

import convwright

CONSTRUCTORS = [
    {},
    {"bias": False},
    {"stride": 2, "padding": 1},
    {"padding": "same"},
    {"groups": 2},
    {"dilation": 2, "padding": 2},
    {"padding": 1, "padding_mode": "circular"},
    {"padding": (2, 1), "padding_mode": "reflect"},
    {"padding": "same", "padding_mode": "replicate"},
]


def both(*args, **kwargs) -> tuple[torch.nn.Conv2d, torch.nn.Conv2d]:
    """Our layer and PyTorch's, made from the same seed."""
    layers = []
    for module in (convwright.nn.Conv2d, torch.nn.Conv2d):
        torch.manual_seed(1)
        layers.append(module(*args, **kwargs))
    return tuple(layers)


@pytest.mark.parametrize("kwargs", CONSTRUCTORS, ids=str)
def test_same_seed_same_weights_and_output(kwargs: dict) -> None:
    ours, torchs = both(4, 6, 3, **kwargs)
    for (name, parameter), (torch_name, expected) in zip(
        ours.named_parameters(), torchs.named_parameters(), strict=True
    ):
        assert name == torch_name
        assert torch.equal(parameter, expected)
    for input in (torch.randn(2, 4, 9, 8), torch.randn(4, 9, 8)):
        torch.testing.assert_close(ours(input), torchs(input))


@pytest.mark.parametrize("kwargs", CONSTRUCTORS, ids=str)
def test_state_dict_both_ways(kwargs: dict) -> None:
    ours, torchs = convwright.nn.Conv2d(4, 6, 3, **kwargs), torch.nn.Conv2d(4, 6, 3, **kwargs)
    for source, target in ((torchs, ours), (ours, torchs)):
        with torch.no_grad():
            source.weight.normal_()
        file = io.BytesIO()
        torch.save(source.state_dict(), file)
        file.seek(0)
        target.load_state_dict(torch.load(file, weights_only=True), strict=True)
        assert list(target.state_dict()) == list(source.state_dict())
        assert torch.equal(target.weight, source.weight)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(copied) -> None:
    layer = convwright.nn.Conv2d(4, 6, 3, padding=1).eval()
    other = copied(layer)
    assert type(other) is convwright.nn.Conv2d
    assert not other.training
    assert other.weight is not layer.weight
    input = torch.randn(2, 4, 5, 5)
    assert torch.equal(other(input), layer(input))


def test_is_a_torch_layer() -> None:
    ours, torchs = both(4, 6, 3, stride=2)
    assert isinstance(ours, torch.nn.Conv2d)
    assert str(ours) == str(torchs)


def test_functional_call_and_ensembles() -> None:
    layers = [convwright.nn.Conv2d(3, 4, 3) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(layers)
    input = torch.randn(2, 3, 6, 6)

    def call(parameters: dict, buffers: dict) -> torch.Tensor:
        return torch.func.functional_call(layers[0], (parameters, buffers), (input,))

    expected = torch.stack([layer(input) for layer in layers])
    torch.testing.assert_close(torch.vmap(call)(parameters, buffers), expected)


def test_parametrized_weight() -> None:
    layer = convwright.nn.Conv2d(4, 6, 3)
    torch.nn.utils.parametrizations.weight_norm(layer)
    input = torch.randn(2, 4, 5, 5)
    expected = torch.nn.functional.conv2d(input, layer.weight, layer.bias)
    torch.testing.assert_close(layer(input), expected)
    layer(input).sum().backward()
    assert layer.parametrizations.weight.original0.grad is not None


def test_training_follows_torch() -> None:
    losses = []
    for module in (convwright.nn, torch.nn):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            module.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), module.Conv2d(8, 4, 3, stride=2)
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        input, target = torch.randn(8, 3, 12, 12), torch.randint(4, (8, 5, 5))
        losses.append([])
        for _ in range(10):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(input), target)
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
