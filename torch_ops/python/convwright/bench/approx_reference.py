# SPDX-License-Identifier: Apache-2.0
"""Approximate convolution by the scalar model, product by product, in the stated order of sums.

fprop starts at the bias and adds over kernel rows, kernel columns, channels; dgrad over kernel rows
and columns from the last to the first and output channels; wgrad over output rows, output columns,
images. What is named last changes fastest. Integer formats have one fprop more, whose sums are
exact in any order.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from convwright._quantised import RANGES, Quantisation
from convwright.multipliers import Multiplier

Pairs = tuple[int, int]
Geometry = tuple[Pairs, Pairs, Pairs, int]  # stride, padding, dilation, groups


def product(a: Tensor, b: Tensor, multiplier: str, number_format: str = "float32") -> Tensor:
    """Elementwise product(a, b), broadcast."""
    a, b = (t.contiguous() for t in torch.broadcast_tensors(a, b))
    return torch.ops.convwright.approx_product(a, b, multiplier, number_format)


def patches(input: Tensor, kernel: Pairs, geometry: Geometry) -> Tensor:
    """[N, groups, 1, channels of a group, taps, output pixels]"""
    stride, padding, dilation, groups = geometry
    columns = F.unfold(input.contiguous(), kernel, dilation, padding, stride)
    return columns.unflatten(1, (groups, 1, -1, kernel[0] * kernel[1]))


def fprop(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *geometry,
    multiplier: str,
    number_format: str = "float32",
) -> Tensor:
    groups, (co, _, *kernel) = geometry[-1], weight.shape
    activations = patches(input, tuple(kernel), geometry)
    weights = weight.reshape(1, groups, co // groups, *weight.shape[1:2], -1, 1)
    total = torch.zeros(co) if bias is None else bias
    total = total.reshape(1, groups, -1, 1)
    for tap in range(activations.shape[4]):
        for channel in range(activations.shape[3]):
            pair = (t[:, :, :, channel, tap] for t in (activations, weights))
            total = total + product(*pair, multiplier, number_format)
    return total.reshape(_output_sizes(input, weight, geometry))


def dgrad(
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    *geometry,
    multiplier: str,
    number_format: str = "float32",
) -> Tensor:
    stride, padding, dilation, groups = geometry
    n, ci, height, width = input.shape
    co, _, kh, kw = weight.shape
    oh, ow = grad_output.shape[2:]
    grad = grad_output.reshape(n, groups, co // groups, 1, oh, ow)
    rows, columns = height + 2 * padding[0] + stride[0], width + 2 * padding[1] + stride[1]
    total = torch.zeros(n, groups, ci // groups, rows, columns)
    for ky in reversed(range(kh)):
        for kx in reversed(range(kw)):
            taps = weight[:, :, ky, kx].reshape(1, groups, co // groups, -1, 1, 1)
            y, x = ky * dilation[0], kx * dilation[1]
            reached = (
                slice(y, y + stride[0] * (oh - 1) + 1, stride[0]),
                slice(x, x + stride[1] * (ow - 1) + 1, stride[1]),
            )
            for o in range(co // groups):
                products = product(grad[:, :, o], taps[:, :, o], multiplier, number_format)
                total[(..., *reached)] += products
    y, x = padding
    return total[..., y : y + height, x : x + width].reshape(input.shape)


def wgrad(
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    *geometry,
    multiplier: str,
    number_format: str = "float32",
) -> Tensor:
    groups, (co, _, *kernel) = geometry[-1], weight.shape
    activations = patches(input, tuple(kernel), geometry)
    grad = grad_output.reshape(len(input), groups, co // groups, 1, 1, -1)
    total = torch.zeros(groups, co // groups, *activations.shape[3:5])
    for pixel in range(grad.shape[-1]):
        for image in range(len(grad)):
            pair = (t[image, ..., pixel] for t in (activations, grad))
            total = total + product(*pair, multiplier, number_format)
    return total.reshape(weight.shape)


def integer_fprop(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *geometry,
    multiplier: Multiplier,
    number_format: str,
    quantisation: Quantisation,
) -> Tensor:
    """Of `docs/approximate-multipliers.md`, "Quantised layers", looked up product by product."""
    q, groups, co = quantisation, geometry[-1], len(weight)
    za, zw = int(q.input_zero_point), q.weight_zero_point.long().expand(co)
    sa, sw = q.input_scale, q.weight_scale.expand(co)
    low, high = RANGES[number_format]
    quantised_input = ((input / sa).round() + za).clamp(low, high)
    per_channel = (-1, 1, 1, 1)
    quantised_weight = (weight / sw.reshape(per_channel)).round() + zw.reshape(per_channel)
    stride, (pad_h, pad_w), dilation, _ = geometry
    padded = F.pad(quantised_input, (pad_w, pad_w, pad_h, pad_h), value=float(za))
    kernel = tuple(weight.shape[2:])
    activations = patches(padded, kernel, (stride, (0, 0), dilation, groups)).long()
    sizes = (1, groups, co // groups, weight.shape[1], -1, 1)
    weights = quantised_weight.clamp(low, high).long().reshape(sizes)
    zeros = zw.reshape(1, groups, -1, 1)
    table = multiplier.table(number_format).long()
    total = torch.zeros(1, dtype=torch.int64)
    for tap in range(activations.shape[4]):
        for channel in range(activations.shape[3]):
            a, w = activations[:, :, :, channel, tap], weights[:, :, :, channel, tap]
            total = total + table[(a & 255) * 256 + (w & 255)]
            if za or zeros.any():
                total += za * (zeros - w) - zeros * a
    output = total.reshape(_output_sizes(input, weight, geometry)).float()
    output *= (sa * sw).reshape(-1, 1, 1)
    return output if bias is None else output + bias.reshape(-1, 1, 1)


def _output_sizes(input: Tensor, weight: Tensor, geometry: Geometry) -> torch.Size:
    return F.conv2d(input.to("meta"), weight.to("meta"), None, *geometry).shape
