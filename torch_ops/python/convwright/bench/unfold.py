# SPDX-License-Identifier: Apache-2.0
"""Convolutions with a product of one's own in vectorised PyTorch: by unfold, broadcast and sum.

What a layer with an approximate product is without Convwright. Input [N, Ci, H, W], weight
[Co, Ci, Kh, Kw], bias [Co] or None; one group. With K = Ci Kh Kw, L pixels of the output and u the
unfolded input [N, K, L]:

    fprop  out[n, o, l] = sum over k of p(u[n, k, l], w[o, k])
    dgrad  u'[n, k, l]  = sum over o of p(g[n, o, l], w[o, k]), then folded
    wgrad  w'[o, k]     = sum over n, l of p(u[n, k, l], g[n, o, l])

Sums are PyTorch's, so that results equal Convwright's up to the rounding of sums.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

PAIRS = 1 << 22  # products at a time: 16 MB of float32
Product = Callable[..., Tensor]


@dataclass(frozen=True)
class Form:
    """A product: `pack` makes of one operand what `product` wants, which takes all of the first
    operand's tensors, then those of the second; they broadcast."""

    pack: Callable[[Tensor], tuple[Tensor, ...]]
    product: Product
    compiled: bool = False  # product and sum as one kernel of torch.compile

    def summed(self, first: Iterable[Tensor], second: Iterable[Tensor], dim: int) -> Tensor:
        return _summed(self.product, dim, self.compiled)(*first, *second)


@cache
def _summed(product: Product, dim: int, compiled: bool) -> Product:
    """Compiled once for each size of a block: who times it calls it before."""

    def run(*parts: Tensor) -> Tensor:
        return product(*parts).sum(dim)

    return torch.compile(run, dynamic=False) if compiled else run


def fprop(
    form: Form,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Tensor:
    sizes = F.conv2d(input.to("meta"), weight.to("meta"), None, stride, padding, dilation).shape
    patches = F.unfold(input, weight.shape[2:], dilation, padding, stride)
    activations, weights = form.pack(patches[:, None]), form.pack(weight.flatten(1)[..., None])
    sums = [
        form.summed((t[n] for t in activations), (t[rows] for t in weights), 1)
        for n, rows in _blocks(len(input), len(weight), patches[0].numel())
    ]
    output = torch.cat(sums).reshape(sizes)
    return output if bias is None else output + bias.reshape(-1, 1, 1)


def dgrad(
    form: Form,
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Tensor:
    grads = form.pack(grad_output.flatten(2)[:, :, None])
    weights = form.pack(weight.flatten(1)[..., None])
    window = weight[0].numel()
    sums = [
        form.summed((t[n] for t in grads), (t[:, taps] for t in weights), 0)
        for n, taps in _blocks(len(input), window, grad_output[0].numel())
    ]
    columns = torch.cat(sums).reshape(len(input), window, -1)
    return F.fold(columns, input.shape[2:], weight.shape[2:], dilation, padding, stride)


def wgrad(
    form: Form,
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Tensor:
    patches = F.unfold(input, weight.shape[2:], dilation, padding, stride)
    activations = form.pack(patches[:, None])
    grads = form.pack(grad_output.flatten(2)[:, :, None])
    total = torch.zeros_like(weight.flatten(1))
    for n, rows in _blocks(len(input), len(weight), patches[0].numel()):
        total[rows] += form.summed((t[n] for t in activations), (t[n, rows] for t in grads), 2)
    return total.reshape(weight.shape)


def _blocks(images: int, rows: int, products_of_a_row: int) -> Iterator[tuple[int, slice]]:
    """An image and some rows at a time, so that about PAIRS products are in memory."""
    step = max(1, PAIRS // max(1, products_of_a_row))
    for n in range(images):
        for first in range(0, rows, step):
            yield n, slice(first, min(first + step, rows))
