# SPDX-License-Identifier: Apache-2.0
"""MBM convolutions in vectorised PyTorch: what Convwright's approximate layers are compared with.

Forms of one product, which all give the same bits while operands and products stay in the normal
range, put into one convolution by unfolding:

    conv2d_bits      the definition, bit by bit, in 64-bit integers
    conv2d_algebra   Pa Pb RZ(g + 5/64), g = 1 + x + y + max(x + y - 1, 0), in float32
    conv2d_compiled  the algebraic form under torch.compile

Input [N, Ci, H, W], weight [Co, Ci, Kh, Kw], bias [Co] or None; returns [N, Co, Ho, Wo]. One group.
Sums are PyTorch's, so that outputs equal Convwright's up to the rounding of float32 sums.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

PAIRS = 1 << 22  # products at a time: 16 MB of float32
_FRACTION, _ONE, _LEAST, _INFINITE = 0x7FFFFF, 0x3F800000, 0x800000, 0x7F800000
# RZ(g + 5/64) is the round to nearest of g + _CORRECTION for every float32 g in [1, 4).
_CORRECTION = 5 / 64 - 2.0**-27

# Operands as a form wants them, and the form's products of them.
Pack = Callable[[Tensor], tuple[Tensor, ...]]
Product = Callable[..., Tensor]


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
    total = x + y
    g = total + total.clamp(min=1)  # 1 + x + y + max(x + y - 1, 0), and exact
    corrected = g + _CORRECTION
    return torch.where(corrected < 4, corrected, g) * (pa * pb)


def pack_algebra(operand: Tensor) -> tuple[Tensor, ...]:
    bits = operand.contiguous().view(torch.int32)
    power = (bits & ~_FRACTION).view(torch.float32)
    fraction = ((bits & _FRACTION) | _ONE).view(torch.float32) - 1
    return power, fraction


@cache
def mbm_compiled() -> Product:
    """The products of the algebraic form and their sum over K, one kernel of torch.compile."""
    return torch.compile(lambda *parts: mbm_algebra(*parts).sum(-2), dynamic=False)


def conv2d(
    pack: Pack,
    summed: Product,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
) -> Tensor:
    """Unfold, then `summed` over K by blocks of output channels and of one image."""
    sizes = F.conv2d(input.to("meta"), weight.to("meta"), None, stride, padding, dilation).shape
    patches = F.unfold(input, weight.shape[2:], dilation, padding, stride)  # [N, K, L]
    activations = pack(patches[:, None])
    weights = pack(weight.reshape(1, len(weight), -1, 1))
    output = patches.new_empty(len(input), len(weight), patches.shape[-1])
    step = max(1, PAIRS // max(1, patches[0].numel()))
    for n in range(len(input)):
        for o in range(0, len(weight), step):
            rows = slice(o, o + step)
            parts = [t[n] for t in activations] + [t[0, rows] for t in weights]
            output[n, rows] = summed(*parts)
    output = output.reshape(sizes)
    return output if bias is None else output + bias.reshape(-1, 1, 1)


def conv2d_bits(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride=1, padding=0, dilation=1
) -> Tensor:
    def summed(*parts: Tensor) -> Tensor:
        return mbm_bits(*parts).sum(-2)

    return conv2d(pack_bits, summed, input, weight, bias, stride, padding, dilation)


def conv2d_algebra(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride=1, padding=0, dilation=1
) -> Tensor:
    def summed(*parts: Tensor) -> Tensor:
        return mbm_algebra(*parts).sum(-2)

    return conv2d(pack_algebra, summed, input, weight, bias, stride, padding, dilation)


def conv2d_compiled(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride=1, padding=0, dilation=1
) -> Tensor:
    """Compiles once for each size of a block: call it before timing."""
    return conv2d(pack_algebra, mbm_compiled(), input, weight, bias, stride, padding, dilation)
