# SPDX-License-Identifier: Apache-2.0
"""Derivatives of multipliers: of the log family piece by piece, of tables from gradient tables.

Let a = Pa (1 + x) with Pa = sign(a) 2^exponent and 0 <= x < 1, and w = Pw (1 + y) likewise.

Mitchell, PAM: p = Pa Pw (1 + x + y) while x + y < 1, else Pa Pw 2 (x + y), so

    dp/da = Pw (1 + [x + y >= 1])        dp/dw = Pa (1 + [x + y >= 1])

a signed power of two. MBM and REALM add a constant of Pa Pw within a piece, which has no slope:
theirs is the same, and so it is in the corner where MBM leaves the constant out. MBM drops fraction
bits (t) and bfloat16 truncates operands first, and the slope is taken at what is left. L-Mul adds
c = 2^-l to the sum of the fractions before it becomes a mantissa, so

    dp/da = Pw 2^floor(x + y + c)        dp/dw = Pa 2^floor(x + y + c)

with fractions of m bits. The jumps between pieces of MBM and REALM are left out. A zero or
subnormal operand has P = 0, as its products are zero; the slope along it is taken at x = 0, whence
a weight of zero can leave it. Where the model gives way to the exact product (infinity, NaN,
overflow), the slope is the other operand; where the product underflows to zero, the slope is zero.

ROBA: p = Ar w + a Wr - Ar Wr with the nearest powers of two, so dp/da = Wr and dp/dw = Ar.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from convwright._approx_ops import table_for
from convwright._windows import Slopes
from convwright.multipliers import GradientTable, Multiplier

_LEAST_EXPONENT, _MOST_EXPONENT = -126, 127  # of normal float32


class Parts(NamedTuple):
    """An operand as the log family sees it."""

    power: Tensor  # signed power of two, 0 for zero and subnormal operands
    fraction: Tensor  # 0 <= x < 1
    exponent: Tensor  # int32; 0 where power is 0
    special: Tensor  # bool: infinity or NaN


def split(multiplier: Multiplier, operand: Tensor) -> Parts:
    """The parts of float32 or float64 values, with the multiplier's own fraction bits."""
    mantissa, exponent = torch.frexp(operand)  # operand = mantissa * 2^exponent, |mantissa| < 1
    special = ~operand.isfinite()
    exponent = exponent - 1
    zero = (operand == 0) | (exponent < _LEAST_EXPONENT) | special
    fraction = (2 * mantissa.abs() - 1).masked_fill(zero, 0)
    exponent = exponent.masked_fill(zero, 0)
    power = torch.ldexp(operand.sign(), exponent).masked_fill(zero, 0)
    name, parameters = multiplier.name, multiplier.parameters
    if name == "lmul" and parameters:
        fraction = _floor_to_bits(fraction, parameters[0])
    if name == "mbm" and parameters:
        kept = 23 - parameters[0]
        fraction = _floor_to_bits(fraction, kept) + 2.0**-kept
    return Parts(power, fraction, exponent, special)


def log_slopes(multiplier: Multiplier) -> Slopes:
    """dp/da and dp/dw of a multiplier of the log family."""

    def activation(a: Tensor, w: Tensor) -> Tensor:
        return _slope(multiplier, a, w)

    def weight(a: Tensor, w: Tensor) -> Tensor:
        return _slope(multiplier, w, a)  # the family is symmetric

    return Slopes(activation, weight)


def _slope(multiplier: Multiplier, along: Tensor, other: Tensor) -> Tensor:
    """dp/d(along)."""
    first, second = split(multiplier, along), split(multiplier, other)
    correction = _correction(multiplier)
    octave = (first.fraction + (second.fraction + correction)).floor_()
    leaves_range = _may_leave_range(first, second)
    if correction:
        slope = torch.exp2(octave).mul_(second.power)
    elif leaves_range:
        slope = (octave + 1) * second.power  # 2^0 and 2^1
    else:
        slope = octave.add_(1).mul_(second.power)
    if leaves_range:
        exponent = first.exponent + second.exponent + octave.int()
        nothing = (first.power == 0) | (second.power == 0)
        slope = slope.masked_fill((exponent < _LEAST_EXPONENT) & ~nothing, 0)
        exact = (exponent > _MOST_EXPONENT) & ~nothing | first.special | second.special
        slope = torch.where(exact, other, slope)
    return slope


def _correction(multiplier: Multiplier) -> float:
    """L-Mul's 2^-l, which moves the boundary between pieces; 0 of the others."""
    if multiplier.name != "lmul":
        return 0.0
    bits = multiplier.parameters[0] if multiplier.parameters else 23
    return 2.0 ** -(bits if bits <= 3 else 3 if bits == 4 else 4)


def _may_leave_range(first: Parts, second: Parts) -> bool:
    """Whether any product could; one pass over the operands instead of one over all pairs."""
    if torch.compiler.is_compiling():
        return True  # a graph does not read values
    if first.power.is_cuda:
        return True  # to look would wait for the GPU, up to six times in each block
    if bool(first.special.any()) or bool(second.special.any()):
        return True
    if first.exponent.numel() == 0 or second.exponent.numel() == 0:
        return False
    least = int(first.exponent.min()) + int(second.exponent.min())
    most = int(first.exponent.max()) + int(second.exponent.max()) + 2
    return least < _LEAST_EXPONENT or most > _MOST_EXPONENT


def _floor_to_bits(fraction: Tensor, bits: int) -> Tensor:
    return (fraction * 2.0**bits).floor_() / 2.0**bits


def nearest_power(operand: Tensor) -> Tensor:
    """ROBA's Ar: the signed power of two nearest to each value, ties up; 0 of 0 and subnormal."""
    mantissa, exponent = torch.frexp(operand)
    nearest = torch.ldexp(operand.sign(), exponent - (mantissa.abs() < 0.75).int())
    nearest = nearest.masked_fill((operand == 0) | (exponent - 1 < _LEAST_EXPONENT), 0)
    return torch.where(operand.isfinite(), nearest, operand)


def truncated_to_bfloat16(operand: Tensor) -> Tensor:
    """float32 toward zero to bfloat16, as float32; infinity and NaN stay."""
    cut = (operand.contiguous().view(torch.int32) & -65536).view(torch.float32)
    return torch.where(operand.isnan(), operand, cut)


def table_slopes(table: GradientTable) -> Slopes:
    """Of a 2-D gradient table; operands are whole numbers of the format, as float32."""

    def looked_up(values: Tensor) -> Tensor:
        def slope(a: Tensor, w: Tensor) -> Tensor:
            # The table itself is what is copied once; a flat one would be new in each call.
            return table_for(a, values).flatten()[(a.int() & 255) * 256 + (w.int() & 255)]

        return slope

    return Slopes(looked_up(table.activation), looked_up(table.weight))
