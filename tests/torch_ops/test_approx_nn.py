# SPDX-License-Identifier: Apache-2.0
"""ApproxConv2d and ApproxLinear in the place of PyTorch's layers."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from test_nn import CONSTRUCTORS

import convwright
from convwright import multipliers
from convwright.nn import ApproxConv2d, ApproxLinear

QUANTISATION = ["input_scale", "input_zero_point", "weight_scale", "weight_zero_point"]
SETTINGS = [
    {"multiplier": "mbm"},
    {"multiplier": multipliers.drum(6), "backward": "approx", "number_format": "bfloat16"},
    {"multiplier": "lmul(7)", "backward": "derivative"},
    {"multiplier": "mbm", "backward": "table", "number_format": "int8"},
]


def both(ours: type, torchs: type, *args, settings: dict, **kwargs) -> list[torch.nn.Module]:
    """Our layer and PyTorch's, made from the same seed."""
    layers = []
    for module, extra in ((ours, settings), (torchs, {})):
        torch.manual_seed(1)
        layers.append(module(*args, **kwargs, **extra))
    return layers


@pytest.mark.parametrize("kwargs", CONSTRUCTORS, ids=str)
def test_constructors_of_conv2d(kwargs: dict) -> None:
    ours, torchs = both(
        ApproxConv2d, torch.nn.Conv2d, 4, 6, 3, settings={"multiplier": "exact"}, **kwargs
    )
    for (name, parameter), (torch_name, expected) in zip(
        ours.named_parameters(), torchs.named_parameters(), strict=True
    ):
        assert name == torch_name
        assert torch.equal(parameter, expected)
    for input in (torch.randn(2, 4, 9, 8), torch.randn(4, 9, 8)):
        torch.testing.assert_close(ours(input), torchs(input))
    channels_last = torch.randn(2, 4, 9, 8).to(memory_format=torch.channels_last)
    assert ours(channels_last).stride() == torchs(channels_last).stride()


@pytest.mark.parametrize("kwargs", [{}, {"bias": False}], ids=str)
def test_constructors_of_linear(kwargs: dict) -> None:
    ours, torchs = both(
        ApproxLinear, torch.nn.Linear, 4, 6, settings={"multiplier": "exact"}, **kwargs
    )
    for sizes in ((4,), (3, 4), (2, 3, 4), (0, 4), (2, 0, 4), (1, 4)):
        input = torch.randn(sizes)
        torch.testing.assert_close(ours(input), torchs(input))
    with pytest.raises(RuntimeError) as expected:
        torchs(torch.randn(2, 6))
    with pytest.raises(RuntimeError) as caught:
        ours(torch.randn(2, 6))
    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize("settings", SETTINGS[:3], ids=str)
@pytest.mark.parametrize(
    "ours, torchs, sizes",
    [(ApproxConv2d, torch.nn.Conv2d, (4, 6, 3)), (ApproxLinear, torch.nn.Linear, (4, 6))],
)
def test_strict_state_dict_both_ways(ours, torchs, sizes, settings: dict) -> None:
    layer, exact = ours(*sizes, **settings), torchs(*sizes)
    for source, target in ((exact, layer), (layer, exact)):
        with torch.no_grad():
            source.weight.normal_()
        file = io.BytesIO()
        torch.save(source.state_dict(), file)
        file.seek(0)
        target.load_state_dict(torch.load(file, weights_only=True), strict=True)
        assert list(target.state_dict()) == list(source.state_dict())
        assert torch.equal(target.weight, source.weight)


def test_state_dict_of_quantised_layers() -> None:
    layer = ApproxConv2d(4, 6, 3, number_format="int8")
    assert list(layer.state_dict()) == ["weight", "bias", *QUANTISATION]
    layer.input_scale.fill_(0.5)
    exact = torch.nn.Conv2d(4, 6, 3)
    layer.load_state_dict(exact.state_dict(), strict=True)  # its own scales stay
    assert torch.equal(layer.weight, exact.weight)
    assert layer.input_scale == 0.5
    layer.weight_scale, layer.weight_zero_point = torch.rand(6), torch.zeros(6, dtype=torch.int32)
    other = ApproxConv2d(4, 6, 3, number_format="int8")
    other.load_state_dict(layer.state_dict(), strict=True)  # one scale, or one for each channel
    assert torch.equal(other.weight_scale, layer.weight_scale)
    state = layer.state_dict()
    del state["input_scale"]
    with pytest.raises(RuntimeError, match=r"Missing key.*input_scale"):
        other.load_state_dict(state)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(copied, settings: dict) -> None:
    layer = ApproxConv2d(4, 6, 3, padding=1, **settings).eval()
    if layer.quantisation is not None:
        layer.input_scale, layer.weight_scale = torch.tensor(0.1), torch.tensor(0.1)
    other = copied(layer)
    assert type(other) is ApproxConv2d
    assert other.weight is not layer.weight
    assert str(other) == str(layer)
    input = torch.randn(2, 4, 5, 5)
    assert torch.equal(other(input), layer(input))


def test_representation() -> None:
    assert str(ApproxConv2d(4, 6, 3, multiplier="mbm(0)", bias=False)) == (
        "ApproxConv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), bias=False, multiplier=mbm, "
        "backward=ste, number_format=float32)"
    )
    assert str(ApproxLinear(4, 6, multiplier="drum(6)", backward="approx")) == (
        "ApproxLinear(in_features=4, out_features=6, bias=True, multiplier=drum(6), "
        "backward=approx, number_format=float32)"
    )


BAD = [
    ({"multiplier": "mbn"}, "'mbn' is unknown; known are exact, zeros, mbm"),
    ({"multiplier": "ax_fpm", "number_format": "int8"}, "ax_fpm does not exist in int8, only in "),
    ({"number_format": "float16"}, "number_format is 'float16', it must be one of float32, bfloa"),
    ({"backward": "exact"}, "backward is 'exact', .* it must be one of ste, approx, derivative$"),
    ({"backward": "table"}, "with multiplier mbm in float32 it must be one of ste, approx, deriv"),
    ({"backward": "approx", "number_format": "int8"}, "mbm in int8 it must be one of ste, table$"),
    ({"multiplier": "drum(6)", "backward": "derivative"}, r"drum\(6\) in float32 .* ste, approx$"),
]


@pytest.mark.parametrize("settings, text", BAD, ids=lambda x: str(x) if isinstance(x, dict) else "")
@pytest.mark.parametrize("module, sizes", [(ApproxConv2d, (4, 6, 3)), (ApproxLinear, (4, 6))])
def test_bad_settings_are_one_sentence_and_change_nothing(module, sizes, settings, text) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        module(*sizes, **settings)
    assert "\n" not in str(caught.value)
    layer = module(*sizes, multiplier="mbm")
    before = str(layer), list(layer.state_dict())
    with pytest.raises(ValueError, match=text):
        layer.configure_(**settings)
    if len(settings) == 1:
        with pytest.raises(ValueError, match=text):
            setattr(layer, *next(iter(settings.items())))
    assert (str(layer), list(layer.state_dict())) == before


def test_settings_can_change() -> None:
    layer = ApproxConv2d(4, 6, 3)
    layer.multiplier = multipliers.drum(6)
    layer.number_format = "uint8"
    assert list(layer.state_dict()) == ["weight", "bias", *QUANTISATION]
    layer.input_scale.fill_(0.5)
    layer.multiplier = "mbm"
    layer.backward = "table"
    assert layer.input_scale == 0.5  # the scales stay with the format
    mbm = layer._settings.gradient_table
    layer.multiplier = "mitchell"
    assert not torch.equal(layer._settings.gradient_table.activation, mbm.activation)
    own = multipliers.gradient_table("exact", "uint8", per_operand=True)
    layer.backward = own
    assert layer.backward == "table"
    assert layer._settings.gradient_table is own
    with pytest.raises(ValueError, match="gradient table is of uint8, and number_format is int8"):
        layer.configure_(number_format="int8", backward=own)
    layer.configure_(number_format="float32", backward="ste")
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_a_table_is_a_multiplier() -> None:
    table = multipliers.from_function(lambda a, w: a * w, format="int8")
    layer = ApproxConv2d(4, 6, 3, multiplier=table, number_format="int8")
    control = ApproxConv2d(4, 6, 3, multiplier="exact", number_format="int8")
    control.load_state_dict(layer.state_dict())
    for one in (layer, control):
        one.input_scale, one.weight_scale = torch.tensor(0.03), torch.tensor(0.01)
    input = torch.randn(2, 4, 6, 6)
    assert torch.equal(layer(input), control(input))
    with pytest.raises(
        ValueError, match=r"table\(int8, .*\) does not exist in uint8, only in int8"
    ):
        layer.number_format = "uint8"


def test_ensembles_and_parametrizations() -> None:
    layers = [ApproxConv2d(3, 4, 3) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(layers)
    input = torch.randn(2, 3, 6, 6)

    def call(parameters: dict, buffers: dict) -> torch.Tensor:
        return torch.func.functional_call(layers[0], (parameters, buffers), (input,))

    expected = torch.stack([layer(input) for layer in layers])
    assert torch.equal(torch.vmap(call)(parameters, buffers), expected)
    torch.nn.utils.parametrizations.weight_norm(layers[0])
    layers[0](input).sum().backward()
    assert layers[0].parametrizations.weight.original0.grad is not None


def test_an_older_library_is_one_sentence() -> None:
    with pytest.raises(convwright.LibraryMissing, match="has no approx_such_op: it is older than"):
        convwright._approx_ops.operator("approx_such_op")


def test_training_with_ste_follows_exact_training() -> None:
    """Ten steps of a small network: MBM's products are within 3 percent, so are its losses."""
    losses = []
    for multiplier in ("exact", "mbm"):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            ApproxConv2d(3, 8, 3, padding=1, multiplier=multiplier),
            torch.nn.ReLU(),
            ApproxConv2d(8, 4, 3, stride=2, multiplier=multiplier),
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        input, target = torch.randn(8, 3, 12, 12), torch.randint(4, (8, 5, 5))
        losses.append([])
        for _ in range(10):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(input), target)
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert np.allclose(*losses, rtol=0.03)
    assert losses[1][-1] < losses[1][0]
