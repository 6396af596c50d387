# SPDX-License-Identifier: Apache-2.0
"""WeightedSumConv2d and DepthwiseSeparableConv2d in the place of two torch.nn layers."""

import copy
import io
import pickle
import re

import pytest
import torch
from torch import nn

import convwright
from convwright.nn import DepthwiseSeparableConv2d, WeightedSumConv2d

LAYERS = [WeightedSumConv2d, DepthwiseSeparableConv2d]
CONSTRUCTORS = [
    {},
    {"bias": False},
    {"stride": 2, "padding": 1},
    {"padding": "same"},
    {"dilation": 2, "padding": (2, 1)},
    {"padding": 1, "padding_mode": "circular"},
    {"padding": (2, 1), "padding_mode": "reflect"},
    {"padding": "same", "padding_mode": "replicate"},
]


def two_modules(layer: type, linear: bool = False, **kwargs) -> nn.Sequential:
    """Of 4 and 6 channels, kernel 3."""
    bias = kwargs.pop("bias", True)
    if layer is WeightedSumConv2d:
        first = nn.Linear(4, 6, bias=False) if linear else nn.Conv2d(4, 6, 1, bias=False)
        return nn.Sequential(first, nn.Conv2d(6, 6, 3, groups=6, bias=bias, **kwargs))
    first = nn.Conv2d(4, 4, 3, groups=4, bias=False, **kwargs)
    return nn.Sequential(first, nn.Linear(4, 6, bias) if linear else nn.Conv2d(4, 6, 1, bias=bias))


def both(layer: type, **kwargs) -> tuple[nn.Module, nn.Sequential]:
    """Our layer and PyTorch's two, made from the same seed."""
    torch.manual_seed(1)
    ours = layer(4, 6, 3, **kwargs)
    torch.manual_seed(1)
    return ours, two_modules(layer, **kwargs)


@pytest.mark.parametrize("kwargs", CONSTRUCTORS, ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_same_seed_same_weights_and_output(layer: type, kwargs: dict) -> None:
    ours, torchs = both(layer, **kwargs)
    for parameter, expected in zip(ours.parameters(), torchs.parameters(), strict=True):
        assert torch.equal(parameter, expected.reshape(parameter.shape))
    for input in (torch.randn(2, 4, 9, 8), torch.randn(4, 9, 8)):
        torch.testing.assert_close(ours(input), torchs(input))
    torch.manual_seed(1)
    ours.reset_parameters()
    assert torch.equal(ours.depthwise, torchs[ours.steps.index("depthwise")].weight)


def test_linear_has_the_same_initial_weights() -> None:
    torch.manual_seed(1)
    linear = two_modules(WeightedSumConv2d, linear=True)
    ours, _ = both(WeightedSumConv2d)
    assert torch.equal(ours.pointwise, linear[0].weight)
    assert torch.equal(ours.bias, linear[1].bias)


@pytest.mark.parametrize("layer", LAYERS)
def test_shapes_names_and_text(layer: type) -> None:
    ours = layer(4, 6, (3, 5), padding=1, bias=False, dtype=torch.float64)
    channels = 6 if layer is WeightedSumConv2d else 4
    sizes = {"pointwise": (6, 4), "depthwise": (channels, 1, 3, 5)}
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == sizes
    assert ours.bias is None
    assert ours.pointwise.dtype == torch.float64
    assert layer(4, 6, 3, device="meta").depthwise.is_meta
    text = "(4, 6, kernel_size=(3, 5), stride=(1, 1), padding=(1, 1), bias=False)"
    assert repr(ours) == layer.__name__ + text


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("layer", LAYERS)
def test_copies(layer: type, copied) -> None:
    ours = layer(4, 6, 3, padding=1, padding_mode="reflect").eval()
    other = copied(ours)
    assert type(other) is layer and not other.training
    assert other.pointwise is not ours.pointwise
    input = torch.randn(2, 4, 5, 5)
    assert torch.equal(other(input), ours(input))


@pytest.mark.parametrize("layer", LAYERS)
def test_training_follows_two_modules(layer: type) -> None:
    losses = []
    for model in both(layer, stride=2):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        torch.manual_seed(0)
        input, target = torch.randn(8, 4, 11, 11), torch.randint(6, (8, 5, 5))
        losses.append([])
        for _ in range(10):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(input), target)
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_functional_call_and_ensembles() -> None:
    layers = [WeightedSumConv2d(3, 4, 3) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(layers)
    input = torch.randn(2, 3, 6, 6)

    def call(parameters: dict, buffers: dict) -> torch.Tensor:
        return torch.func.functional_call(layers[0], (parameters, buffers), (input,))

    expected = torch.stack([layer(input) for layer in layers])
    torch.testing.assert_close(torch.vmap(call)(parameters, buffers), expected)


def test_parametrized_weight() -> None:
    layer = WeightedSumConv2d(4, 6, 3)
    nn.utils.parametrizations.weight_norm(layer, "depthwise")
    layer(torch.randn(2, 4, 5, 5)).sum().backward()
    assert layer.parametrizations.depthwise.original0.grad is not None
    layer.load_state_dict(copy.deepcopy(layer.state_dict()))


class TestCheckpoints:
    @pytest.mark.parametrize("linear", [False, True])
    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("layer", LAYERS)
    def test_of_a_sequential(self, layer: type, bias: bool, linear: bool) -> None:
        source = two_modules(layer, linear, bias=bias)
        file = io.BytesIO()
        torch.save(source.state_dict(), file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
        keys = list(state)
        target = layer(4, 6, 3, bias=bias)
        assert str(target.load_state_dict(state)) == "<All keys matched successfully>"
        assert list(state) == keys
        for parameter, expected in zip(target.parameters(), source.parameters(), strict=True):
            assert torch.equal(parameter, expected.reshape(parameter.shape))

    @pytest.mark.parametrize("layer", LAYERS)
    def test_of_attributes_inside_a_model(self, layer: type) -> None:
        class Block(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                for name, step in zip(layer.steps, two_modules(layer), strict=True):
                    setattr(self, name, step)

        block = Block()
        source = nn.Sequential(nn.Conv2d(4, 4, 1), block)
        target = nn.Sequential(nn.Conv2d(4, 4, 1), layer(4, 6, 3))
        target.load_state_dict(source.state_dict())
        assert torch.equal(target[1].depthwise, block.depthwise.weight)
        assert torch.equal(target[1].bias, getattr(block, layer.steps[1]).bias)
        assert torch.equal(target[0].weight, source[0].weight)

    @pytest.mark.parametrize("layer", LAYERS)
    def test_of_its_own_and_with_dimensions_of_one(self, layer: type) -> None:
        source, target = layer(4, 6, 3), layer(4, 6, 3)
        state = source.state_dict()
        state["pointwise"] = state["pointwise"][:, :, None, None]
        state["depthwise"] = state["depthwise"][:, 0]
        for assign in (False, True):
            target.load_state_dict(state, assign=assign)
            assert target.pointwise.shape == (6, 4)
            assert torch.equal(target.depthwise, source.depthwise)

    @pytest.mark.parametrize("nested", [False, True])
    def test_keys_that_do_not_map(self, nested: bool) -> None:
        layer = WeightedSumConv2d(4, 6, 3)
        target = nn.Sequential(layer) if nested else layer
        before = copy.deepcopy(layer.state_dict())
        prefix = "0." if nested else ""
        state = {
            prefix + name: torch.ones(value.shape)
            for name, value in (("pointwise", layer.pointwise), ("conv.weight", layer.depthwise))
        }
        with pytest.raises(RuntimeError) as error:
            target.load_state_dict(state)
        text = str(error.value)
        assert f'Missing key(s) in state_dict: "{prefix}depthwise", "{prefix}bias"' in text
        assert f'Unexpected key(s) in state_dict: "{prefix}conv.weight"' in text
        if not nested:
            assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())
        target.load_state_dict(state, strict=False)
        assert torch.equal(layer.pointwise, torch.ones(6, 4))

    def test_bias_that_the_layer_lacks(self) -> None:
        layer = WeightedSumConv2d(4, 6, 3, bias=False)
        before = layer.pointwise.detach().clone()
        text = 'Unexpected key(s) in state_dict: "1.bias"'
        with pytest.raises(RuntimeError, match=re.escape(text)):
            layer.load_state_dict(two_modules(WeightedSumConv2d).state_dict())
        assert torch.equal(layer.pointwise, before)

    def test_other_sizes(self) -> None:
        layer = WeightedSumConv2d(4, 6, 3)
        before = layer.pointwise.detach().clone()
        state = {**layer.state_dict(), "pointwise": torch.ones(6, 4), "depthwise": torch.ones(6, 5)}
        with pytest.raises(RuntimeError, match="size mismatch for depthwise"):
            layer.load_state_dict(state)
        assert torch.equal(layer.pointwise, before)

    def test_of_a_fused_model(self) -> None:
        model = two_modules(WeightedSumConv2d)
        convwright.fuse_weighted_sum_(model)
        other = WeightedSumConv2d(4, 6, 3)
        other.load_state_dict(model[1].state_dict())
        model[1].load_state_dict(other.state_dict())
        assert model[1].pointwise.shape == (6, 4, 1, 1)
