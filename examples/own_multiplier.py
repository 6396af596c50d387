# SPDX-License-Identifier: Apache-2.0
"""A multiplier of your own in Python, in the layers of a network.

The one of this example is an array multiplier without its lowest columns: a row of the array is one
operand, shifted, and the bits of all rows below a column are left out. A function of two integers
is all that Convwright needs: it is sampled on all pairs of bytes, and its table decides how it is
computed. Prints error and accuracy for more and more columns; writes a picture. Exit status 1 when
a layer does not give the sums of the function.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from loaded import sums_agree, try_multipliers
from script import new_parser, run

from convwright.multipliers import from_function

COLUMNS = (0, 4, 6, 8)  # left out, of 14


def without_columns(columns: int, activation: int, weight: int) -> int:
    """activation * weight, both from -128 to 127, without the array's lowest columns."""
    a, w = abs(activation), abs(weight)
    kept = -1 << columns
    total = sum((w << bit) & kept for bit in range(8) if a >> bit & 1)
    return -total if (activation < 0) != (weight < 0) else total


def main() -> int:
    options = new_parser(__doc__.splitlines()[0], picture="own_multiplier.png").parse_args()
    products: dict[str, Callable[[int, int], int]] = {
        f"without {columns} columns": partial(without_columns, columns) for columns in COLUMNS
    }
    own = {name: from_function(product, format="int8") for name, product in products.items()}
    for name, multiplier in own.items():
        print(f"{name}: {multiplier.describe()}")
        if not sums_agree(multiplier, products[name]):
            print(f"A layer of {name} does not give the sums of its function.", file=sys.stderr)
            return 1
    try_multipliers(options, own)
    print("The layers give the sums of the function.")
    return 0


if __name__ == "__main__":
    run(main)
