# SPDX-License-Identifier: Apache-2.0
"""The competitors compute what they say: MBM, to the bit, in a convolution."""

import pytest
import torch

from bench import approximate_torch as competitor
from convwright.functional import approx_conv2d

CONVOLUTIONS = [
    competitor.conv2d_bits,
    competitor.conv2d_algebra,
    pytest.param(competitor.conv2d_compiled, marks=pytest.mark.slow),
]


def operands(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ones, zeros, powers of two, and pairs around the corner of the correction."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, count, generator=generator)
    a[: count // 8] = 0
    b[count // 16 : count // 8] = 0
    corner = slice(count // 8, count // 4)
    a[corner], b[corner] = 2 - a[corner].abs() / 64, 2 - b[corner].abs() / 64
    a[count // 4 : count // 3] = 2.0 ** torch.randint(-9, 9, (count // 3 - count // 4,))
    return a, b


def test_products_equal_the_scalar_reference() -> None:
    a, b = operands(200_000)
    expected = torch.ops.convwright.approx_product(a, b, "mbm", "float32")
    bits = competitor.mbm_bits(*competitor.pack_bits(a), *competitor.pack_bits(b))
    algebra = competitor.mbm_algebra(*competitor.pack_algebra(a), *competitor.pack_algebra(b))
    assert torch.equal(bits, expected)
    assert torch.equal(algebra, expected)


def test_the_correction_rounds_toward_zero() -> None:
    """Of every float32 g in [1, 4): nearest(g + (5/64 - 2^-27)) is g + 5/64 toward zero."""
    first, last = (torch.tensor(v).view(torch.int32).item() for v in (1.0, 4.0))
    for start in range(first, last, 1 << 21):
        g = torch.arange(start, start + (1 << 21), dtype=torch.int32).view(torch.float32)
        exact = g.double() + 5 / 64  # 30 bits
        nearest = exact.float()
        below = torch.nextafter(nearest, torch.zeros(()))
        toward_zero = torch.where(nearest.double() > exact, below, nearest)
        assert torch.equal(g + competitor._CORRECTION, toward_zero)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("conv2d", CONVOLUTIONS)
def test_convolutions_equal_the_operator_up_to_the_order_of_sums(
    conv2d, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(competitor, "PAIRS", 1 << 12)  # several blocks
    input, weight, bias = torch.randn(2, 3, 9, 8), torch.randn(5, 3, 3, 2), torch.randn(5)
    for geometry in ((1, 0, 1), (2, 1, 1), (1, 2, 2)):
        expected = approx_conv2d(input, weight, bias, *geometry)
        torch.testing.assert_close(conv2d(input, weight, bias, *geometry), expected)
