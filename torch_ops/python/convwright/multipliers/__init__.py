# SPDX-License-Identifier: Apache-2.0
"""Approximate multipliers: built-in ones by name, any 8-bit one by its table or a function.

    layer = convwright.nn.ApproxConv2d(16, 32, 3, multiplier=convwright.multipliers.mbm(t=8))
    table = convwright.multipliers.from_table("mul8u_1JFF.bin")   # or an array, or a CSV file
    print(table.describe())                                       # error figures, rank, engine

Wherever a `Multiplier` is taken, a text such as "mbm", "mbm(8)" or "drum(6)" is too.
`docs/approximate-multipliers.md` says what each computes.
"""

from convwright.multipliers._description import Description
from convwright.multipliers._gradient_table import GradientTable, gradient_table
from convwright.multipliers._multiplier import (
    NUMBER_FORMATS,
    Multiplier,
    ax_fpm,
    drum,
    exact,
    lmul,
    mbm,
    mitchell,
    names,
    pam,
    parse,
    realm,
    roba,
    truncate,
    zeros,
)
from convwright.multipliers._table import from_function, from_table

__all__ = [
    "NUMBER_FORMATS",
    "Description",
    "GradientTable",
    "Multiplier",
    "ax_fpm",
    "drum",
    "exact",
    "from_function",
    "from_table",
    "gradient_table",
    "lmul",
    "mbm",
    "mitchell",
    "names",
    "pam",
    "parse",
    "realm",
    "roba",
    "truncate",
    "zeros",
]
