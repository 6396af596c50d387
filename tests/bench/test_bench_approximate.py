# SPDX-License-Identifier: Apache-2.0
"""The competitors compute what they say: a product to the bit, in all three directions."""

from dataclasses import replace

import pytest
import torch

from convwright import multipliers
from convwright.bench import approx_reference, unfold
from convwright.bench import approximate_torch as competitor
from convwright.bench.approximate_torch import MBM, MBM_BITS, MITCHELL

FORMS = [
    pytest.param(MBM_BITS, "mbm", id="bits"),
    pytest.param(MBM, "mbm", id="algebra"),
    pytest.param(MITCHELL, "mitchell", id="mitchell"),
    pytest.param(replace(MBM, compiled=True), "mbm", id="compiled", marks=pytest.mark.slow),
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


@pytest.mark.parametrize(("form", "multiplier"), FORMS[:3])
def test_products_equal_the_scalar_reference(form: unfold.Form, multiplier: str) -> None:
    a, b = operands(200_000)
    expected = torch.ops.convwright.approx_product(a, b, multiplier, "float32")
    assert torch.equal(form.product(*form.pack(a), *form.pack(b)), expected)


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
@pytest.mark.parametrize(("form", "multiplier"), FORMS)
def test_convolutions_equal_the_model_up_to_the_order_of_sums(
    form: unfold.Form, multiplier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfold, "PAIRS", 1 << 10)  # several blocks
    model = {"multiplier": multiplier}
    input, weight, bias = torch.randn(2, 3, 9, 8), torch.randn(5, 3, 3, 2), torch.randn(5)
    for geometry in (
        ((1, 1), (0, 0), (1, 1)),
        ((2, 1), (1, 0), (1, 1)),
        ((1, 1), (2, 1), (2, 2)),
    ):
        output = unfold.fprop(form, input, weight, bias, *geometry)
        expected = approx_reference.fprop(input, weight, bias, *geometry, 1, **model)
        torch.testing.assert_close(output, expected)
        operands = torch.randn_like(output), input, weight, *geometry
        for direction in ("dgrad", "wgrad"):
            found = getattr(unfold, direction)(form, *operands)
            expected = getattr(approx_reference, direction)(*operands, 1, **model)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_table_is_looked_up() -> None:
    """To the bit: sums of integers are exact."""
    generator = torch.Generator().manual_seed(0)
    entries = torch.randint(-9999, 9999, (256, 256), generator=generator, dtype=torch.int32)
    table = multipliers.from_table(entries, signed=True)
    form = competitor.form_of(table, "int8")
    a, w = (torch.randint(-128, 128, s, generator=generator) for s in ((1, 2, 4, 3), (3, 2, 2, 2)))
    found = unfold.fprop(form, a.float(), w.float(), None)
    expected = torch.zeros(1, 3, 3, 2, dtype=torch.int64)
    for y, x, o, c, ky, kx in torch.cartesian_prod(*map(torch.arange, (3, 2, 3, 2, 2, 2))).tolist():
        expected[0, o, y, x] += entries[a[0, c, y + ky, x + kx] % 256, w[o, c, ky, kx] % 256]
    assert torch.equal(found, expected)


def test_what_is_not_written_in_pytorch() -> None:
    for name, number_format in (("drum(6)", "float32"), ("mbm(4)", "float32"), ("mbm", "bfloat16")):
        assert competitor.form_of(multipliers.parse(name), number_format) is None
