# SPDX-License-Identifier: Apache-2.0
"""Gradients of a convolution whose product has slopes of its own, in bounded memory.

With patches a[g,k,l] of the input (k over channels of the group and taps, l over output pixels),
weights w[g,o,k] and the gradient of the output y[g,o,l],

    grad_patches[g,k,l] = sum_o y[g,o,l] * dp/da(a[g,k,l], w[g,o,k])
    grad_weight[g,o,k]  = sum_l y[g,o,l] * dp/dw(a[g,k,l], w[g,o,k])

where p is the product; patches are added back to the pixels that they came from. All pairs (o,k,l)
together would be as many values as the convolution has products, so it goes by blocks.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_PAIRS = 1 << 21  # of a block, float32: 8 MB for each of the few tensors of that size
# (a [G, 1, K, L], w [G, O, K, 1]) -> slopes that broadcast to [G, O, K, L]
Slope = Callable[[Tensor, Tensor], Tensor]


class Slopes(NamedTuple):
    """dp/da and dp/dw of a product p(a, w)."""

    activation: Slope
    weight: Slope


def gradients(
    slopes: Slopes,
    needs: tuple[bool, bool],
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    geometry: tuple,
    pad_value: float = 0.0,
) -> tuple[Tensor | None, Tensor | None]:
    """(grad_input, grad_weight) or None where not needed.

    grad_output [N, Co, Ho, Wo], input [N, Ci, H, W], weight [Co, Ci/groups, Kh, Kw]; geometry is
    (stride, padding, dilation, groups), pairs of (rows, columns). Outside of the input the product
    reads pad_value. Gradients have the sizes and memory format of input and weight.
    """
    (pad_h, pad_w), groups = geometry[1], geometry[3]
    padded = F.pad(input, (pad_w, pad_w, pad_h, pad_h), value=pad_value)
    grad_padded = torch.zeros_like(padded) if needs[0] else None
    co, per_group, *kernel = weight.shape
    taps = per_group * kernel[0] * kernel[1]
    w = weight.reshape(groups, co // groups, taps, 1)
    grad_w = torch.zeros_like(w).squeeze(-1) if needs[1] else None
    for image, rows in _blocks(grad_output, groups * taps):
        window = _window(image, rows, geometry, kernel[0])
        y = grad_output[image, :, rows].reshape(groups, co // groups, 1, -1)
        a = _unfold(padded[window], kernel, geometry).reshape(groups, 1, taps, -1)
        grad_a = torch.zeros_like(a).squeeze(1) if needs[0] else None
        # Of few output channels at a time, so that all pairs of a block fit.
        for o in _slices(co // groups, MOST_PAIRS // max(1, groups * taps * a.shape[-1])):
            if grad_a is not None:
                grad_a += (slopes.activation(a, w[:, o]) * y[:, o]).sum(1)
            if grad_w is not None:
                grad_w[:, o] += (slopes.weight(a, w[:, o]) * y[:, o]).sum(-1)
        if grad_padded is not None:
            grad_padded[window] += _fold(grad_a, padded[window], kernel, geometry)
    grad_input = None
    if grad_padded is not None:
        height, width = input.shape[2:]
        cut = grad_padded[:, :, pad_h : pad_h + height, pad_w : pad_w + width]
        grad_input = torch.empty_like(input).copy_(cut)
    if grad_w is not None:
        grad_w = torch.empty_like(weight).copy_(grad_w.reshape(weight.shape))
    return grad_input, grad_w


def _blocks(grad_output: Tensor, depth: int) -> list[tuple[int, slice]]:
    """(image, output rows) of every block; the patches of one are at most half of MOST_PAIRS."""
    images, _, height, width = grad_output.shape
    rows = MOST_PAIRS // 2 // max(1, depth * width)
    return [(n, rows_) for n in range(images) for rows_ in _slices(height, rows)]


def _slices(size: int, step: int) -> list[slice]:
    step = max(1, step)
    return [slice(i, min(i + step, size)) for i in range(0, size, step)]


def _window(image: int, rows: slice, geometry: tuple, kernel_height: int) -> tuple:
    """What the output rows of an image read of the padded input."""
    (stride, _), (dilation, _) = geometry[0], geometry[2]
    end = (rows.stop - 1) * stride + dilation * (kernel_height - 1) + 1
    return image, slice(None), slice(rows.start * stride, end)


def _unfold(window: Tensor, kernel: list[int], geometry: tuple) -> Tensor:
    return F.unfold(window[None], kernel, geometry[2], 0, geometry[0])


def _fold(patches: Tensor, window: Tensor, kernel: list[int], geometry: tuple) -> Tensor:
    flat = patches.reshape(1, -1, patches.shape[-1])
    return F.fold(flat, window.shape[1:], kernel, geometry[2], 0, geometry[0])[0]
