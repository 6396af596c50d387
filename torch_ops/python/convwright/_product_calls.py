# SPDX-License-Identifier: Apache-2.0
"""Calls of approximate operators that take a given product, for the tuner's comparisons.

Which form of its product a multiplier takes depends on the operands: fast ones where all products
stay in the normal range, others where a weight is zero or a product may be out of range.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from convwright import check

_BIG = 3e38  # products of it may overflow
_TABLE_BITS = 7  # of bfloat16
_OF_BYTES = re.compile(r"dot_s8(x\d+)?|dot_u8|table16|table32")


class _Example(NamedTuple):
    multiplier: str
    weight: float | None = None  # a value among the weights that asks for this form


_EXAMPLES = {
    "ax_fpm_bits": _Example("ax_fpm"),
    "lmul_bits": _Example("lmul", _BIG),
    "log_bits": _Example("mitchell", _BIG),
    "mantissa_table": _Example(""),
    "mbm": _Example("mbm"),
    "mbm_zeros": _Example("mbm", 0.0),
    "mitchell": _Example("mitchell"),
    "mitchell_zeros": _Example("mitchell", 0.0),
    "realm_bits": _Example("realm"),
    "roba": _Example("roba"),
    "roba_bits": _Example("roba", _BIG),
    "rounded": _Example("drum(20)"),
}


def check_product(name: str) -> None:
    """Raises RuntimeError unless `name` is a product, or a multiplier, which stands for one.

    Those of 8-bit operands are products of CUDA kernels, or multipliers with their format behind.
    """
    if name not in _EXAMPLES and not _OF_BYTES.fullmatch(name):
        torch.ops.convwright.parse_multiplier(re.sub("_u?int8$", "", name))


def call_of(
    problem: check.Problem, product: str, device: torch.device | str = "cpu"
) -> Callable[[], Tensor]:
    """The operator of the problem on random operands by which it takes this product.

    Raises RuntimeError for a name that is no product.
    """
    if product not in _EXAMPLES:
        raise RuntimeError(f"'{product}' is no product; there are {', '.join(_EXAMPLES)}")
    example = _EXAMPLES[product]

    def normal(*sizes: int) -> Tensor:
        values = torch.randn(sizes, device=device)
        values = torch.where(values.abs() < 2.0**-20, 1.0, values)
        return values.contiguous(memory_format=problem.memory_format) if len(sizes) == 4 else values

    input, weight = normal(*problem.input_sizes), normal(*problem.weight_sizes)
    if problem.direction == "fprop":
        packed = weight
        operands = input, weight, normal(len(weight)) if problem.has_bias else None
    else:
        grad_output = normal(*check.output_sizes(problem))
        packed = grad_output if problem.direction == "wgrad" else weight
        operands = grad_output, input, weight
    if example.weight is not None:
        packed[0, 0, 0, 0] = example.weight
    table = None
    if product == "mantissa_table":
        table = torch.randint(1 << 24, (4**_TABLE_BITS,), dtype=torch.int32, device=device)
    op = getattr(torch.ops.convwright, f"approx_conv2d_{problem.direction}")
    geometry = (*(list(g) for g in problem.geometry[:3]), problem.geometry[3])
    arguments = (*operands, *geometry, example.multiplier, "float32", table)
    return lambda: op(*arguments)
