# SPDX-License-Identifier: Apache-2.0
"""Faults seen in other implementations of approximate layers, each with a test that catches it."""

import pytest
import torch
import torch.nn.functional as F
from cases import Case, tensors

from convwright import multipliers
from convwright.bench import approx_reference as oracle
from convwright.functional import approx_conv2d
from convwright.nn import ApproxConv2d, ApproxLinear

ops = torch.ops.convwright
FLOAT = ["mbm", "mitchell", "realm(4)", "lmul", "pam", "ax_fpm", "roba", "drum(6)", "truncate(8)"]


def reals(*sizes: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "ours, torchs",
    [
        (ApproxConv2d(4, 6, 3, multiplier="exact"), torch.nn.Conv2d(4, 6, 3)),
        (ApproxLinear(4, 6, multiplier="exact"), torch.nn.Linear(4, 6)),
    ],
    ids=["Conv2d", "Linear"],
)
def test_weights_never_loaded(ours: torch.nn.Module, torchs: torch.nn.Module) -> None:
    sizes = {name: value.shape for name, value in torchs.state_dict().items()}
    assert {name: value.shape for name, value in ours.state_dict().items()} == sizes
    for source, target in ((torchs, ours), (ours, torchs)):
        with torch.no_grad():
            source.weight.copy_(torch.randint(-3, 4, source.weight.shape))
            source.bias.copy_(torch.randint(-3, 4, source.bias.shape))
        target.load_state_dict(source.state_dict(), strict=True)
        input = torch.randint(-3, 4, (2, 4, 7, 4)).float()
        assert torch.equal(ours(input), torchs(input))


def test_flipped_kernel() -> None:
    """A delta comes out as the kernel turned by 180 degrees, as of every cross-correlation."""
    delta = torch.zeros(1, 1, 5, 5)
    delta[..., 2, 2] = 1
    kernel = torch.tensor([[1.0, 2, 4], [8, 16, 32], [64, 128, 256]])[None, None]
    output = approx_conv2d(delta, kernel, padding=0, multiplier="mitchell")
    assert torch.equal(output, kernel.flip(2, 3))  # powers of two are exact


@pytest.mark.parametrize("kernel", [(3, 3), (1, 4), (4, 1), (2, 3)])
def test_patch_layout_with_several_channels_and_other_kernels(kernel: tuple[int, int]) -> None:
    input, weight = torch.zeros(1, 3, 5, 6), torch.arange(1.0, 4)[None, :, None, None]
    input[0, 1, 2, 3], input[0, 2, 1, 1] = 1, 2
    weight = weight * 2.0 ** torch.arange(kernel[0] * kernel[1]).reshape(kernel)
    output = approx_conv2d(input, weight, multiplier="mitchell")
    assert torch.equal(output, F.conv2d(input, weight))


def test_first_image_only() -> None:
    input, weight = reals(5, 3, 6, 6), reals(4, 3, 3, 3, seed=1)
    whole = approx_conv2d(input, weight)
    assert torch.equal(whole, torch.cat([approx_conv2d(one[None], weight) for one in input]))
    assert whole.flatten(1).unique(dim=0).shape[0] == 5


@pytest.mark.parametrize(
    "case",
    [
        Case(stride=(2, 1)),
        Case(padding=(2, 0)),
        Case(dilation=(1, 2), padding=(1, 2)),
        Case(groups=2, channels=(4, 6)),
        Case(kernel=(1, 1), padding=(0, 0)),
    ],
    ids=str,
)
def test_stride_padding_dilation_groups_1x1(case: Case) -> None:
    t = tensors(case)
    expected = F.conv2d(*t.operands, *case.geometry)
    assert torch.equal(approx_conv2d(*t.operands, *case.geometry, multiplier="exact"), expected)
    mbm = approx_conv2d(*t.operands, *case.geometry)
    assert torch.equal(mbm, oracle.fprop(*t.operands, *case.geometry, multiplier="mbm"))


@pytest.mark.parametrize("multiplier", FLOAT)
def test_zero_times_anything(multiplier: str) -> None:
    values = torch.tensor([0.0, -0.0, 1.5, -3.0, 1e-3, 1e30])
    zeros = torch.zeros_like(values)
    for products in (
        oracle.product(zeros, values, multiplier),
        oracle.product(values, -zeros, multiplier),
    ):
        assert torch.equal(products, zeros)


def test_padding_of_a_table_whose_zero_is_not_zero() -> None:
    """Outside of the input the table is asked for the product of the zero point."""
    table = multipliers.from_function(lambda a, w: a * w + 7, format="uint8")
    q = torch.full((1, 1, 3, 3), 2, dtype=torch.uint8)
    w = torch.full((1, 1, 3, 3), 3, dtype=torch.uint8)
    sums = ops.approx_int8_conv2d(q, w, (1, 1), (1, 1), (1, 1), 1, table.table("uint8"), 5)
    inside = torch.tensor([[4, 6, 4], [6, 9, 6], [4, 6, 4]])
    expected = inside * (2 * 3) + (9 - inside) * (5 * 3) + 9 * 7
    assert torch.equal(sums, expected.int()[None, None])


@pytest.mark.parametrize("multiplier", FLOAT)
def test_sign(multiplier: str) -> None:
    a, b = reals(1000).abs(), reals(1000, seed=1).abs()
    positive = oracle.product(a, b, multiplier)
    assert (positive >= 0).all()
    for sign_a, sign_b in ((1, -1), (-1, 1), (-1, -1)):
        signed = oracle.product(sign_a * a, sign_b * b, multiplier)
        assert torch.equal(signed, sign_a * sign_b * positive)


@pytest.mark.parametrize("multiplier", ["mbm", "mitchell", "realm", "roba", "exact"])
def test_least_int8(multiplier: str) -> None:
    """-128 has a magnitude of 8 bits: sign-magnitude around the unsigned model."""
    unsigned = multipliers.parse(multiplier).table("uint8").reshape(256, 256)
    signed = multipliers.parse(multiplier).table("int8").reshape(256, 256)
    assert torch.equal(signed[128, 1:128], -unsigned[128, 1:128])
    assert torch.equal(signed[1:128, 128], -unsigned[1:128, 128])
    assert signed[128, 128] == unsigned[128, 128] > 0


def test_operand_order_of_ax_fpm() -> None:
    """The activation comes first."""
    a, w = torch.tensor([0.856]), torch.tensor([0.471])
    assert oracle.product(a, w, "ax_fpm").item() == pytest.approx(0.426080584526062, abs=1e-8)
    assert not torch.equal(oracle.product(w, a, "ax_fpm"), oracle.product(a, w, "ax_fpm"))
    output = approx_conv2d(a.reshape(1, 1, 1, 1), w.reshape(1, 1, 1, 1), multiplier="ax_fpm")
    assert torch.equal(output.flatten(), oracle.product(a, w, "ax_fpm"))


def test_carry_and_corner_and_truncation_of_all_8_bit_pairs() -> None:
    """MBM on all pairs against the definition in integers of Python."""
    table = multipliers.mbm().table("uint8").reshape(256, 256)
    assert table.tolist() == [[mbm8(a, b) for b in range(256)] for a in range(256)]


def mbm8(a: int, b: int) -> int:
    if a == 0 or b == 0:
        return 0
    k1, k2 = a.bit_length() - 1, b.bit_length() - 1
    total = ((a << (7 - k1)) & 127) + ((b << (7 - k2)) & 127)
    carry, fraction = total >> 7, total & 127
    corrected = fraction + (10 >> carry)
    mantissa = 128 + (fraction if carry and corrected >> 7 else corrected)
    shift = k1 + k2 + carry - 7
    return mantissa << shift if shift >= 0 else mantissa >> -shift


def test_the_carry_and_the_corner_of_floats() -> None:
    """1 + x + y + max(x + y - 1, 0) + 5/64 toward zero, without 5/64 where that reaches 4."""
    x, y = torch.rand(2, 100_000, generator=torch.Generator().manual_seed(0))
    x[:1000], y[:1000] = 1 - x[:1000] / 32, 1 - y[:1000] / 32  # around the corner
    x, y = 1 + x, 1 + y  # before they are rounded fractions no more
    g = (x.double() - 1) + (y.double() - 1)
    g = 1 + g + (g - 1).clamp(min=0)
    exact = torch.where(g + 5 / 64 < 4, g + 5 / 64, g)
    rounded = exact.float()
    toward_zero = torch.where(
        rounded.double() > exact, torch.nextafter(rounded, torch.zeros(())), rounded
    )
    assert torch.equal(oracle.product(x, y, "mbm"), toward_zero)


@pytest.mark.parametrize("multiplier", ["mbm", "mitchell", "lmul", "pam", "realm(4)", "roba"])
def test_subnormal_infinite_and_nan(multiplier: str) -> None:
    inf, nan = float("inf"), float("nan")
    a = torch.tensor([inf, inf, nan, 0.0, 1e-40, 1e-40, 2e38, 1e-30, inf])
    b = torch.tensor([2.0, -2.0, 1.0, inf, 3.0, inf, 2e38, 1e-30, 1e-40])
    expected = torch.tensor([inf, -inf, nan, nan, 0.0, inf, inf, 0.0, inf])
    actual = oracle.product(a, b, multiplier)
    torch.testing.assert_close(actual, expected, rtol=0, atol=0, equal_nan=True)
    weight = torch.ones(1, 1, 1, 1)
    through = approx_conv2d(a.reshape(1, 1, 1, -1), weight, multiplier=multiplier).flatten()
    alone = oracle.product(a, torch.ones_like(a), multiplier)
    torch.testing.assert_close(through, alone, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("multiplier", ["mbm", "mitchell"])
def test_accumulation_width_and_order(multiplier: str) -> None:
    """K = 4608: half-precision sums, or another order, differ."""
    t = tensors(
        Case(channels=(512, 2), size=(3, 3), padding=(0, 0), batch=1),
        draw=lambda *sizes: reals(*sizes, seed=len(sizes)),
    )
    actual = approx_conv2d(*t.operands, *t.case.geometry, multiplier=multiplier)
    expected = oracle.fprop(*t.operands, *t.case.geometry, multiplier=multiplier)
    assert torch.equal(actual, expected)


def test_accumulation_width_of_int8() -> None:
    taps = 4608
    q = torch.full((1, taps, 1, 1), 255, dtype=torch.uint8)
    table = multipliers.exact().table("uint8")
    sums = ops.approx_int8_conv2d(q, q, (1, 1), (0, 0), (1, 1), 1, table, 0)
    assert sums.dtype is torch.int32
    assert sums.item() == 255 * 255 * taps


@pytest.mark.parametrize("multiplier", [*FLOAT, "zeros", "exact"])
def test_bias_inside_the_approximate_product(multiplier: str) -> None:
    bias = reals(4)
    output = approx_conv2d(torch.zeros(2, 3, 5, 5), reals(4, 3, 3, 3), bias, multiplier=multiplier)
    assert torch.equal(output, bias.reshape(-1, 1, 1).expand_as(output))


def test_scale_and_zero_point() -> None:
    """Per-channel affine int8 with the exact table is the dequantised exact convolution."""
    layer = ApproxConv2d(3, 4, 3, padding=1, multiplier="exact", number_format="int8")
    layer.input_scale, layer.input_zero_point = torch.tensor(0.02), torch.tensor(-17)
    layer.weight_scale = torch.tensor([0.01, 0.02, 0.03, 0.04])
    layer.weight_zero_point = torch.tensor([0, 5, -9, 100])
    input = reals(2, 3, 6, 6)
    a = ((input / 0.02).round() - 17).clamp(-128, 127).double() + 17
    scale, zero = layer.weight_scale.reshape(-1, 1, 1, 1), layer.weight_zero_point
    zero = zero.reshape(-1, 1, 1, 1)
    w = ((layer.weight.detach() / scale).round() + zero).clamp(-128, 127).double() - zero
    expected = F.conv2d(a * 0.02, w * scale, layer.bias.detach().double(), padding=1)
    torch.testing.assert_close(layer(input), expected.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("number_format", ["float32", "bfloat16", "int8", "uint8"])
def test_silent_fall_back_to_exact(number_format: str) -> None:
    """A multiplier that returns 0 gives exactly the bias, wherever the layer is used."""
    conv = ApproxConv2d(3, 4, 3, multiplier="zeros", number_format=number_format)
    linear = ApproxLinear(3, 4, multiplier="zeros", number_format=number_format)
    for layer, input in ((conv, reals(2, 3, 5, 5)), (conv, reals(3, 5, 5)), (linear, reals(2, 3))):
        if number_format.endswith("int8"):
            layer.input_scale, layer.weight_scale = torch.tensor(0.1), torch.tensor(0.1)
        for call in (layer, torch.no_grad()(layer), torch.inference_mode()(layer)):
            output = call(input)
            bias = layer.bias.reshape((-1, 1, 1) if layer is conv else (-1,))
            assert torch.equal(output, bias.expand_as(output))
