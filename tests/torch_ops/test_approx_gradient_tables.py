# SPDX-License-Identifier: Apache-2.0
"""Gradient tables of 8-bit multipliers against their formulas."""

import pytest
import torch

from convwright import multipliers


@pytest.mark.parametrize("number_format", ["int8", "uint8"])
@pytest.mark.parametrize("per_operand", [False, True])
def test_gradient_tables(number_format: str, per_operand: bool) -> None:
    """Against the formulas, entry by entry in Python; of the exact product the other operand."""
    values = [b - 256 if number_format == "int8" and b > 127 else b for b in range(256)]
    least, most = min(values), max(values)
    exact = multipliers.gradient_table("exact", number_format, per_operand=per_operand)
    other = torch.tensor(values, dtype=torch.float32)
    torch.testing.assert_close(exact.activation, other.expand_as(exact.activation))
    along = other if per_operand else other[:, None]
    torch.testing.assert_close(exact.weight, along.expand_as(exact.weight))

    table = multipliers.mbm().table(number_format).reshape(256, 256).tolist()
    mbm = multipliers.gradient_table("mbm", number_format, window=5, per_operand=per_operand)
    for a, w in ((0, 7), (3, 200), (127, 128), (128, 127), (255, 255), (130, 1)):
        if per_operand:
            centred = [v - sum(values) / 256 for v in values]
            square = sum(c * c for c in centred)
            slope_a = sum(c * table[i][w] for i, c in enumerate(centred)) / square
            slope_w = sum(c * table[a][i] for i, c in enumerate(centred)) / square
            assert mbm.activation[w].item() == pytest.approx(slope_a, rel=1e-5)
            assert mbm.weight[a].item() == pytest.approx(slope_w, rel=1e-5)
        else:
            ends = [[max(values[i] - 5, least), min(values[i] + 5, most)] for i in (a, w)]
            (low_a, high_a), (low_w, high_w) = ends
            slope_a = (table[high_a & 255][w] - table[low_a & 255][w]) / (high_a - low_a)
            slope_w = (table[a][high_w & 255] - table[a][low_w & 255]) / (high_w - low_w)
            assert mbm.activation[a, w].item() == pytest.approx(slope_a, rel=1e-5)
            assert mbm.weight[a, w].item() == pytest.approx(slope_w, rel=1e-5)


def test_bad_gradient_tables_are_one_sentence() -> None:
    with pytest.raises(ValueError, match="window is 0, it must be from 1 to 255"):
        multipliers.gradient_table("mbm", "int8", window=0)
    with pytest.raises(ValueError, match="number_format is 'float32', tables exist in int8, uint8"):
        multipliers.gradient_table("mbm", "float32")
    ones = torch.ones(256)
    with pytest.raises(ValueError, match=r"must be float32 of \(256,\) or \(256, 256\)"):
        multipliers.GradientTable("int8", ones[:3], ones)
    with pytest.raises(ValueError, match="other sizes"):
        multipliers.GradientTable("int8", ones, torch.ones(256, 256))
