# SPDX-License-Identifier: Apache-2.0
"""convert_ to approximate layers, and what explain says of them."""

import pytest
import torch
from test_convert import Net
from torch import nn

import convwright
from convwright.nn import ApproxConv2d, ApproxLinear, Conv2d


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))


def test_convolutions_and_linear_layers() -> None:
    model = network()
    parameters, layers = list(model.parameters()), list(model)
    report = convwright.convert_(model, multiplier="mbm", backward="approx")
    assert str(report).splitlines() == [
        "2 of 2 layers converted",
        "  0  Conv2d  converted",
        "  3  Linear  converted",
    ]
    assert list(model) == layers
    assert [type(layer) for layer in (model[0], model[3])] == [ApproxConv2d, ApproxLinear]
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert (model[3].multiplier.text, model[3].backward) == ("mbm", "approx")


def test_exact_is_the_control() -> None:
    model, input = network(), torch.randint(-3, 4, (2, 3, 8, 8)).float()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randint(-2, 3, parameter.shape))
    expected = model(input)
    convwright.convert_(model, multiplier="exact")
    assert torch.equal(model(input), expected)
    convwright.convert_(model, multiplier="zeros")
    assert torch.equal(model(input), model[3].bias.expand(2, 5))


def test_report_of_what_stays() -> None:
    report = convwright.convert_(Net(), multiplier="mbm")
    rows = {layer.name: (layer.type, layer.converted, layer.reason) for layer in report.layers}
    assert rows == {
        "first": ("Conv2d", True, ""),
        "blocks.0.0": ("Conv2d", True, ""),
        "blocks.1": ("Special", False, "a subclass of torch.nn.Conv2d"),
        "lazy": ("LazyConv2d", False, "its sizes are unknown until the first forward"),
        "up": ("ConvTranspose2d", False, "no kernel for this kind of convolution"),
        "deep": ("Conv3d", False, "no kernel for this kind of convolution"),
        "line": ("Conv1d", False, "no kernel for this kind of convolution"),
    }
    attention = nn.MultiheadAttention(4, 2)
    (layer,) = convwright.convert_(attention, multiplier="mbm").layers
    assert (layer.name, layer.reason) == ("out_proj", "a subclass of torch.nn.Linear")


def test_layers_that_pytorch_reads_past_stay() -> None:
    """In evaluation an encoder layer multiplies by its weights and does not call them."""
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    reasons = {
        layer.name: layer.reason for layer in convwright.convert_(encoder, multiplier="mbm").layers
    }
    fast = "the fast path of torch.nn.TransformerEncoderLayer reads its weight alone"
    assert (reasons["linear1"], reasons["linear2"]) == (fast, fast)


def test_filter() -> None:
    model = network()
    report = convwright.convert_(model, lambda name, _: name == "0", multiplier="mbm")
    assert [layer.converted for layer in report.layers] == [True, False]
    assert (report.layers[1].reason, type(model[3])) == ("filter_fn", nn.Linear)


def test_layers_that_are_ours_already_get_the_new_multiplier() -> None:
    model = network()
    convwright.convert_(model)
    assert type(model[0]) is Conv2d
    assert convwright.convert_(model, multiplier="mbm").converted == 2
    assert convwright.convert_(model, multiplier="drum(6)", number_format="int8").converted == 2
    assert (model[0].multiplier.text, model[0].number_format) == ("drum(6)", "int8")
    model[0].input_scale.fill_(0.5)
    convwright.convert_(model, multiplier="mbm", number_format="int8")
    assert model[0].input_scale == 0.5
    left = convwright.convert_(model).layers  # without a multiplier as ever: convolutions only
    assert [(layer.name, layer.reason) for layer in left] == [("0", "already Convwright's")]
    fused = nn.Sequential(convwright.nn.Conv2dReLU(3, 4, 3))
    (layer,) = convwright.convert_(fused, multiplier="mbm").layers
    assert (layer.converted, layer.reason) == (False, "already Convwright's")


@pytest.mark.parametrize(
    "settings, text",
    [
        ({"multiplier": "mbn"}, "'mbn' is unknown; known are"),
        ({"multiplier": "pam", "number_format": "int8"}, "pam does not exist in int8, only in"),
        ({"backward": "approx"}, "backward is 'approx' and number_format 'float32', they need a m"),
    ],
)
def test_bad_settings_change_nothing(settings: dict, text: str) -> None:
    model = network()
    with pytest.raises(ValueError, match=text):
        convwright.convert_(model, **settings)
    assert [type(layer) for layer in (model[0], model[3])] == [nn.Conv2d, nn.Linear]


def test_explain_names_multiplier_format_engine_and_backward() -> None:
    model = network()
    convwright.convert_(model, multiplier="mbm", backward="approx")
    explanation = convwright.explain(model, torch.randn(2, 3, 8, 8))
    first, second = (row for row in explanation.rows if row.schedule.startswith("multiplier:"))
    assert first.layer == "0"
    assert first.problem == "fprop_n2ci3ih8iw8co4kh3kw3s1p0_f32_nchw_bias_mbm"
    engine = convwright.multipliers.mbm().describe("float32").engine
    assert first.kernel == engine
    assert first.schedule == "multiplier:mbm,format:float32,backward:approx"
    assert (second.layer, second.direction) == ("3", "fprop")
    assert not any(row.kernel == "PyTorch" for row in explanation.rows)

    convwright.convert_(model, multiplier="mbm", number_format="int8", backward="table")
    convwright.quantisation.calibrate_(model, [torch.randn(2, 3, 8, 8)])
    rows = convwright.explain(model, torch.randn(2, 3, 8, 8)).rows
    engine = convwright.multipliers.mbm().describe("int8").engine
    assert rows[0].kernel == engine
    assert rows[0].schedule == "multiplier:mbm,format:int8,backward:table"
    assert rows[0].problem == "fprop_n2ci3ih8iw8co4kh3kw3s1p0_f32_nchw_bias_mbm_int8"
    assert rows[1].problem == "fprop_n2ci3ih8iw8co4kh3kw3s1p0_int8_nchw"
