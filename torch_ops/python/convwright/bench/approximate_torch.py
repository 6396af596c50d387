# SPDX-License-Identifier: Apache-2.0
"""Approximate products in vectorised PyTorch: what Convwright's layers are compared with.

    MBM_BITS     MBM by its definition, bit by bit, in 64-bit integers
    MBM          Pa Pb RZ(g + 5/64), g = 1 + x + y + max(x + y - 1, 0), in float32
    MITCHELL     Pa Pb g
    table(t)     an entry of an 8-bit table for each pair, of operands that are integers

All give the scalar model's bits; those of floats while operands and products stay in the normal
range. unfold.py puts them into a convolution.
"""

from dataclasses import replace

import torch
from torch import Tensor

from convwright._approx_ops import table_for
from convwright.bench.unfold import Form
from convwright.multipliers import Multiplier
from convwright.multipliers._multiplier import INTEGER_FORMATS

_FRACTION, _ONE, _LEAST, _INFINITE = 0x7FFFFF, 0x3F800000, 0x800000, 0x7F800000
# RZ(g + 5/64) is the round to nearest of g + _CORRECTION for every float32 g in [1, 4).
_CORRECTION = 5 / 64 - 2.0**-27


def mbm_bits(ua: Tensor, ub: Tensor) -> Tensor:
    """MBM (t = 0) of the bits of float32 operands, int64; not for infinity and NaN."""
    za, zb = ua & 0x7FFFFFFF, ub & 0x7FFFFFFF
    total = za + zb - _ONE
    carry = ((za & _FRACTION) + (zb & _FRACTION)) >> 23
    corrected = total + (0xA0000 >> carry)
    again = ((corrected ^ total) >> 23) & 1
    cut = (corrected & ~_FRACTION) | ((corrected & _FRACTION) >> 1)
    bits = torch.where(again == 0, corrected, torch.where(carry == 1, total, cut))
    bits = torch.where(bits >= _INFINITE, _INFINITE, bits)
    nothing = (za < _LEAST) | (zb < _LEAST) | (bits < _LEAST)
    bits = torch.where(nothing, 0, bits | ((ua ^ ub) & 0x80000000))
    return (bits - ((bits >> 31) << 32)).int().view(torch.float32)


def pack_bits(operand: Tensor) -> tuple[Tensor, ...]:
    return (operand.contiguous().view(torch.int32).long() & 0xFFFFFFFF,)


def mbm_algebra(pa: Tensor, x: Tensor, pb: Tensor, y: Tensor) -> Tensor:
    """MBM (t = 0) of signed powers of two and fractions; a zero has the power 0."""
    g = _mitchell_significand(x, y)
    corrected = g + _CORRECTION
    return torch.where(corrected < 4, corrected, g) * (pa * pb)


def mitchell_algebra(pa: Tensor, x: Tensor, pb: Tensor, y: Tensor) -> Tensor:
    return _mitchell_significand(x, y) * (pa * pb)


def _mitchell_significand(x: Tensor, y: Tensor) -> Tensor:
    total = x + y
    return total + total.clamp(min=1)  # 1 + x + y + max(x + y - 1, 0), and exact


def pack_algebra(operand: Tensor) -> tuple[Tensor, ...]:
    bits = operand.contiguous().view(torch.int32)
    power = (bits & ~_FRACTION).view(torch.float32)
    fraction = ((bits & _FRACTION) | _ONE).view(torch.float32) - 1
    return power, fraction


MBM_BITS = Form(pack_bits, mbm_bits)
MBM = Form(pack_algebra, mbm_algebra)
MITCHELL = Form(pack_algebra, mitchell_algebra)


def table(entries: Tensor) -> Form:
    """Of [activation byte * 256 + weight byte]; its sums are int64."""

    def product(a: Tensor, w: Tensor) -> Tensor:
        return table_for(a, entries)[a * 256 + w]

    return Form(lambda operand: (operand.long() & 255,), product)


def form_of(multiplier: Multiplier, number_format: str, compiled: bool = False) -> Form | None:
    """None where nobody has written one: multipliers of floats other than MBM and Mitchell's."""
    if number_format in INTEGER_FORMATS:
        found = table(multiplier.table(number_format))
    else:
        forms = {"mbm": MBM, "mitchell": MITCHELL} if number_format == "float32" else {}
        found = forms.get(multiplier.text)
    return None if found is None else replace(found, compiled=compiled)
