# SPDX-License-Identifier: Apache-2.0
"""Quantised convolution: its integers against integer arithmetic, its gradients, its bad input."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from cases import Case, tensors
from test_approx_conv2d import reals

from convwright import _windows, multipliers
from convwright._approx_settings import check_settings
from convwright._quantised import Quantisation, QuantisedCall, integer_sums
from convwright.functional import approx_conv2d, approx_linear
from convwright.multipliers._gradient_table import operands
from convwright.nn import ApproxConv2d
from convwright.quantisation import calibrate_

ops = torch.ops.convwright
CASES = [
    Case(),
    Case(kernel=(2, 4), padding=(1, 2), stride=(1, 2), batch=3),
    Case(dilation=(2, 3), padding=(2, 3)),
    Case(groups=2, channels=(4, 6), stride=(2, 1)),
    Case(kernel=(1, 1), padding=(0, 0)),
    Case(padding=(4, 5), bias=False),
]
RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


def integers(case: Case, number_format: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Activations and weights that use the whole range of the format."""
    low, high = RANGES[number_format]
    generator = torch.Generator().manual_seed(0)
    draw = partial(torch.randint, low, high + 1, generator=generator)
    t = tensors(case, draw=lambda *sizes: draw(sizes).double())
    dtype = getattr(torch, number_format)
    return t.input.to(dtype), t.weight.to(dtype)


def reference(qa, qw, table: torch.Tensor, geometry: tuple, za: int) -> torch.Tensor:
    """Sums over all windows of the table's entries, int64, in Python's order of loops."""
    stride, (pad_h, pad_w), dilation, groups = geometry
    padded = F.pad(qa.double(), (pad_w, pad_w, pad_h, pad_h), value=za)
    columns = F.unfold(padded, qw.shape[2:], dilation, 0, stride).long() & 255
    columns = columns.unflatten(1, (groups, 1, -1))
    weights = (qw.long() & 255).reshape(1, groups, qw.shape[0] // groups, -1, 1)
    sums = table.long()[columns * 256 + weights].sum(3)
    sizes = F.conv2d(padded.to("meta"), qw.double().to("meta"), None, stride, 0, dilation, groups)
    return sums.reshape(sizes.shape)


@pytest.mark.parametrize("number_format", RANGES)
@pytest.mark.parametrize("multiplier", ["exact", "mbm", "drum(4)", "roba"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sums_of_table_entries(case: Case, multiplier: str, number_format: str) -> None:
    qa, qw = integers(case, number_format)
    table = multipliers.parse(multiplier).table(number_format)
    for za in (0, RANGES[number_format][1], 3):
        sums = ops.approx_int8_conv2d(qa, qw, *case.geometry, table, za)
        assert sums.dtype is torch.int32
        assert torch.equal(sums.long(), reference(qa, qw, table, case.geometry, za))


def test_operand_order_and_any_entry() -> None:
    """A table of random entries of 15 bits and signs: [activation byte * 256 + weight byte]."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(-(2**15), 2**15, (256, 256), generator=generator, dtype=torch.int32)
    for number_format in RANGES:
        table = multipliers.from_table(values, signed=number_format == "int8").table(number_format)
        case = Case(channels=(5, 7), size=(5, 6))
        qa, qw = integers(case, number_format)
        sums = ops.approx_int8_conv2d(qa, qw, *case.geometry, table, 9)
        assert torch.equal(sums.long(), reference(qa, qw, table, case.geometry, 9))


def call_of(number_format: str, za: int, zw, geometry: tuple, **settings) -> QuantisedCall:
    quantisation = Quantisation(
        torch.tensor(0.05), torch.tensor(za), torch.tensor(0.02), torch.as_tensor(zw)
    )
    settings = {"multiplier": "exact", "backward": "ste", **settings}
    return QuantisedCall(
        check_settings(number_format=number_format, **settings), quantisation, *geometry
    )


@pytest.mark.parametrize("number_format", RANGES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_exact_is_the_sum_of_products_less_zero_points(case: Case, number_format: str) -> None:
    """To the bit, with zero points of every sign: sum of (qa - za)(qw - zw) in float64 integers."""
    qa, qw = integers(case, number_format)
    low, high = RANGES[number_format]
    per_channel = torch.randint(low, high + 1, (case.channels[1],))
    for za, zw in ((0, 0), (low, 0), (7, high), (high, per_channel), (0, per_channel)):
        call = call_of(number_format, za, zw, case.geometry)
        zero_w = torch.as_tensor(zw).reshape(-1, 1, 1, 1)
        expected = F.conv2d(qa.double() - za, qw.double() - zero_w, None, *case.geometry)
        assert torch.equal(integer_sums(qa, qw, call).double(), expected)


@pytest.mark.parametrize("number_format", RANGES)
def test_zero_point_terms_of_any_table(number_format: str) -> None:
    case, za, zw = CASES[3], 5, torch.tensor([3, 0, 9, 100, 1, 2])
    qa, qw = integers(case, number_format)
    call = call_of(number_format, za, zw, case.geometry, multiplier="mbm")
    table = multipliers.mbm().table(number_format)
    ones = torch.ones_like(qw).double()
    inside = F.pad(qa.double(), (1, 1, 1, 1), value=za)
    stride, _, dilation, groups = case.geometry
    sum_a = F.conv2d(inside, ones, None, stride, 0, dilation, groups)
    sum_w = qw.double().sum((1, 2, 3)).reshape(-1, 1, 1)
    zero_w, taps = zw.reshape(-1, 1, 1), qw[0].numel()
    expected = reference(qa, qw, table, case.geometry, za) - zero_w * sum_a - za * sum_w
    expected = expected + taps * za * zero_w
    assert torch.equal(integer_sums(qa, qw, call).double(), expected)


def quantised(case: Case, number_format: str, draw=None, **settings):
    """(approx_conv2d of float operands with affine, per-channel scales, the operands)."""
    t = tensors(case, draw=draw or reals())
    low, high = RANGES[number_format]
    channels = case.channels[1]
    quantisation = Quantisation(
        torch.tensor(3.0 / 128),
        torch.tensor((low + high + 21) // 2),
        torch.linspace(0.005, 0.02, channels),
        torch.arange(channels) % 3 + (low + high + 1) // 2,
    )
    call = partial(
        approx_conv2d, number_format=number_format, quantisation=quantisation, **settings
    )
    return call, t, quantisation


def fake_quantised(t: torch.Tensor, scale, zero_point, number_format: str) -> torch.Tensor:
    """The numbers that the integers stand for; straight through the rounding, not the clamp."""
    low, high = RANGES[number_format]
    q = t / scale
    q = q + (q.round() - q).detach() + zero_point
    return (q.clamp(low, high) - zero_point) * scale


def fake_convolution(input, weight, bias, *geometry, q: Quantisation, number_format: str):
    shape = (-1, 1, 1, 1)
    a = fake_quantised(input, q.input_scale, q.input_zero_point, number_format)
    w = fake_quantised(
        weight, q.weight_scale.reshape(shape), q.weight_zero_point.reshape(shape), number_format
    )
    return F.conv2d(a.double(), w.double(), bias if bias is None else bias.double(), *geometry)


@pytest.mark.parametrize("number_format", RANGES)
@pytest.mark.parametrize("backward", ["ste", "table", "per operand"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_fake_quantisation(case: Case, number_format: str, backward: str) -> None:
    """Exact products: output and gradients are those of fake quantisation in float64.

    A table's slopes are exact too then, 2-D and per operand.
    """
    if backward == "per operand":
        backward = multipliers.gradient_table("exact", number_format, per_operand=True)
    call, t, q = quantised(case, number_format, multiplier="exact", backward=backward)
    t.requires_grad_()
    ours = call(*t.operands, *case.geometry)
    fake = fake_convolution(*t.operands, *case.geometry, q=q, number_format=number_format)
    torch.testing.assert_close(ours, fake.float(), rtol=1e-5, atol=1e-5)
    actual = torch.autograd.grad(ours, t.leaves(), t.grad_output)
    expected = torch.autograd.grad(fake, t.leaves(), t.grad_output.double())
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    assert (actual[0] == 0).any()  # clamped ones among the activations


@pytest.mark.parametrize("number_format", RANGES)
@pytest.mark.parametrize("blocks", [1 << 21, 64])
def test_gradient_table_of_all_pairs(
    number_format: str, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MBM's slopes, pair by pair with a padding that is not zero, in float64."""
    monkeypatch.setattr(_windows, "MOST_PAIRS", blocks)
    case = CASES[3]
    call, t, q = quantised(case, number_format, multiplier="mbm", backward="table")
    t.requires_grad_()
    output = call(*t.operands, *case.geometry)
    ours = torch.autograd.grad(output, t.leaves()[:2], t.grad_output)

    low, high = RANGES[number_format]
    slopes = multipliers.gradient_table("mbm", number_format)
    scale = q.weight_scale.reshape(-1, 1, 1, 1)
    zero_w = q.weight_zero_point.reshape(-1, 1, 1, 1)
    raw_a = (t.input.detach() / q.input_scale).round() + q.input_zero_point
    raw_w = (t.weight.detach() / scale).round() + zero_w
    qa, qw = raw_a.clamp(low, high).double(), raw_w.clamp(low, high).double()
    stride, _, dilation, groups = case.geometry
    padded = F.pad(qa, (1, 1, 1, 1), value=float(q.input_zero_point))
    a = F.unfold(padded, (3, 3), dilation, 0, stride).unflatten(1, (groups, 1, -1))
    w = qw.reshape(1, groups, case.channels[1] // groups, -1, 1)
    index = (a.long() & 255) * 256 + (w.long() & 255)
    y = t.grad_output.double().reshape(2, groups, -1, 1, a.shape[-1])
    per_channel = (1, groups, -1, 1, 1)
    to_a = slopes.activation.double().flatten()[index] - zero_w.reshape(per_channel)
    grad_a = (y * scale.reshape(per_channel) * to_a).sum(2)
    grad_a = F.fold(grad_a.flatten(1, 2), padded.shape[2:], (3, 3), dilation, 0, stride)
    grad_a = grad_a[..., 1:-1, 1:-1] * (raw_a == qa)
    to_w = slopes.weight.double().flatten()[index] - q.input_zero_point
    grad_w = (y * to_w).sum((0, -1)).reshape(t.weight.shape) * q.input_scale * (raw_w == qw)
    torch.testing.assert_close(ours[0], grad_a.float(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours[1], grad_w.float(), rtol=1e-4, atol=1e-4)


def test_rounding_is_half_to_even_and_clamped() -> None:
    q = Quantisation(torch.tensor(1.0), torch.tensor(0), torch.tensor(1.0), torch.tensor(0))
    values = torch.tensor([0.5, 1.5, -0.5, -2.5, 126.4, 300.0, -300.0, 127.5])
    output = approx_linear(
        values[:, None], torch.ones(1, 1), multiplier="exact", number_format="int8", quantisation=q
    )
    expected = torch.tensor([0.0, 2, 0, -2, 126, 127, -128, 127])
    assert torch.equal(output.flatten(), expected)


@pytest.mark.parametrize(
    "name, value, text",
    [
        ("input_scale", 0.0, "input_scale is 0, it must be a finite number above 0"),
        ("input_scale", float("nan"), "input_scale is nan, it must be a finite number above 0"),
        ("input_scale", float("inf"), "input_scale is inf"),
        ("weight_scale", [0.1, 0.2, -0.5, 0.1], r"weight_scale is -0\.5"),
        ("input_zero_point", 128, "input_zero_point is 128, in int8 it must be from -128 to 127"),
        ("weight_zero_point", [0, 0, -129, 0], "weight_zero_point is -129, in int8 it must be"),
    ],
)
def test_bad_scales_are_one_sentence(name: str, value, text: str) -> None:
    good = {
        "input_scale": torch.tensor(0.1),
        "input_zero_point": torch.tensor(0),
        "weight_scale": torch.tensor(0.1),
        "weight_zero_point": torch.tensor(0),
    }
    t = tensors(Case())
    with pytest.raises(ValueError, match=text) as caught:
        approx_conv2d(
            *t.operands,
            number_format="int8",
            quantisation=Quantisation(**{**good, name: torch.tensor(value)}),
        )
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="number_format int8 needs a quantisation"):
        approx_conv2d(*t.operands, number_format="int8")


def test_scales_are_those_of_the_moment() -> None:
    """A write through .data shows in no version of the tensor."""
    layer = ApproxConv2d(3, 4, 3, multiplier="exact", number_format="int8")
    input = torch.rand(2, 3, 8, 8)
    calibrate_(layer, [input])
    layer(input)
    layer.input_zero_point.data.add_(5)
    expected = approx_conv2d(
        input,
        layer.weight,
        layer.bias,
        multiplier="exact",
        number_format="int8",
        quantisation=Quantisation(*(t.clone() for t in vars(layer.quantisation).values())),
    )
    assert torch.equal(layer(input), expected)
    layer.weight_scale.data[1] = -1
    with pytest.raises(ValueError, match="weight_scale is -1"):
        layer(input)


def test_sums_that_could_leave_int32_are_refused() -> None:
    big = multipliers.from_function(lambda a, w: 2**31 - 1, format="uint8")
    q = Quantisation(torch.tensor(1.0), torch.tensor(0), torch.tensor(1.0), torch.tensor(0))
    call = partial(approx_conv2d, multiplier=big, number_format="uint8", quantisation=q)
    with pytest.raises(ValueError, match=r"sums of 27 products of up to .* at most 1 taps"):
        call(torch.zeros(1, 3, 4, 4), torch.zeros(2, 3, 3, 3))
    one = call(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1))
    assert (one == 2.0**31).all()


@pytest.mark.filterwarnings("ignore")
def test_compiled_code_calls_the_layer_between_its_graphs() -> None:
    torch.compiler.reset()
    layer = ApproxConv2d(3, 4, 3, number_format="int8")
    layer.input_scale, layer.weight_scale = torch.tensor(0.05), torch.tensor(0.01)
    model = torch.nn.Sequential(torch.nn.ReLU(), layer, torch.nn.ReLU())
    input = torch.randn(2, 3, 6, 6)
    assert torch.equal(torch.compile(model, backend="aot_eager")(input), model(input))


def test_operands_of_bytes() -> None:
    assert operands("uint8").tolist() == list(range(256))
    assert operands("int8").tolist() == [*range(128), *range(-128, 0)]


def test_no_second_derivative() -> None:
    call, t, _ = quantised(Case(), "int8", backward="ste")
    t.requires_grad_()
    (grad,) = torch.autograd.grad(call(*t.operands).square().sum(), t.input, create_graph=True)
    with pytest.raises(RuntimeError, match="has no second derivative"):
        grad.sum().backward()
