# SPDX-License-Identifier: Apache-2.0
"""Kinds of schedule for a pointwise and a depthwise convolution in a row, and the choice of one.

`unfused`   two convolutions; the tensor between them, z, is written, and saved for backward
`composed`  one dense convolution with W[co,ci,ky,kx] = P[co,ci] * D[.,ky,kx], made in every call
`fused`     one kernel that never writes z; backward computes z again
"""

from collections.abc import Iterator
from contextlib import contextmanager

KINDS = ("unfused", "composed", "fused")

# Multiplications of a depthwise convolution cost this many times those of a dense one. At 1, the
# count alone, the choice was the faster one, but for ties within 5%, in a training step of each of
# 20 layers on one AVX-512 core: windows of 2x2 with stride 2 take 1.8 times as long unfused, 3x3
# of 128 channels 3.5 times as long composed. Nearest to the border is a 3x3 weighted sum of three
# channels: composed takes 0.8 of the time in forward and 1.1 in a step.
DEPTHWISE_COST = 1.0

# What `force_kind` asks for; part of the key of every cached choice.
forced = "auto"


def choose_kind(
    pointwise_first: bool, ci: int, co: int, kernel: tuple[int, int], stride: tuple[int, int]
) -> str:
    """The kind that takes the least work by count. Pure, and independent of the input's sizes.

    Multiplications of one output pixel: `composed` Ci*Co*Kh*Kw; `unfused` those of the two steps,
    of which a pointwise step in front runs on stride_h*stride_w pixels for each that is kept. So
    composed are a depthwise kernel of one tap, a weighted sum of one input channel, a depthwise
    separable layer of one output channel, and a weighted sum whose windows do not overlap. Without
    the batch in it, one compiled graph serves every batch size.

    `fused` is chosen by `fuses`, which knows whether backward will follow.
    """
    taps = kernel[0] * kernel[1]
    pixels = stride[0] * stride[1] if pointwise_first else 1
    depthwise_channels = co if pointwise_first else ci
    unfused = ci * co * pixels + DEPTHWISE_COST * depthwise_channels * taps
    return "composed" if ci * co * taps <= unfused else "unfused"


def fuses(pointwise_first: bool, co: int, width: int, channels_last: bool) -> bool:
    """Whether a call without backward takes the fused kernel in place of `unfused`.

    A weighted sum in channels_last whose channels fill a vector of 16 lanes and whose rows fill a
    register tile of 8 columns: seven layers of 16 to 128 channels took 0.70 to 0.92 of the time of
    `unfused` on one AVX-512 core. With a backward z is needed again, and saving it is cheaper than
    the pointwise step once more.
    """
    return pointwise_first and channels_last and co >= 16 and width >= 8


def fuses_on_cuda(input_channels: int) -> bool:
    """Whether a call without backward takes the fused kernel of a GPU, where there is one.

    Up to 32 channels. By count, not timed: a tile computes 1.4 times the pixels of z that it keeps,
    0.8 * Ci operations more for each, and spares 8 bytes of memory, for which GPUs have time for 40
    to 160 operations.
    """
    return input_channels <= 32


@contextmanager
def force_kind(kind: str) -> Iterator[None]:
    """Inside the block, `kind` computes every weighted sum and depthwise separable convolution.

    For measuring: kind is "unfused", "composed", "fused", or "auto", which lets Convwright choose.
    A call keeps its kind for its backward. Calls that PyTorch computes are always unfused. Holds
    for the whole process. Raises ValueError for another name; a call raises RuntimeError where the
    operator library has no operator of the kind.
    """
    global forced
    if kind not in ("auto", *KINDS):
        raise ValueError(f"kind is {kind!r}, but 'auto', 'unfused', 'composed' and 'fused' exist.")
    before, forced = forced, kind
    try:
        yield
    finally:
        forced = before
