# SPDX-License-Identifier: Apache-2.0
"""Approximate convolution by the scalar reference, product by product, in the stated order of sums.

fprop starts at the bias and adds over kernel rows, kernel columns, channels; dgrad over kernel rows
and columns from the last to the first and output channels; wgrad over output rows, output columns,
images. What is named last changes fastest.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

ops = torch.ops.convwright


def product(a: Tensor, b: Tensor, multiplier: str, number_format: str = "float32") -> Tensor:
    """Elementwise product(a, b), broadcast."""
    a, b = (t.contiguous() for t in torch.broadcast_tensors(a, b))
    return ops.approx_product(a, b, multiplier, number_format)


def patches(input: Tensor, kernel: tuple[int, int], geometry: tuple) -> Tensor:
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
    sizes = F.conv2d(input.to("meta"), weight.to("meta"), None, *geometry).shape
    activations = patches(input, tuple(kernel), geometry)
    weights = weight.reshape(1, groups, co // groups, *weight.shape[1:2], -1, 1)
    products = product(activations, weights, multiplier, number_format)
    total = torch.zeros(co) if bias is None else bias
    total = total.reshape(1, groups, -1, 1)
    for tap in range(products.shape[4]):
        for channel in range(products.shape[3]):
            total = total + products[:, :, :, channel, tap]
    return total.reshape(sizes)


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
            products = product(grad, taps, multiplier, number_format)
            y, x = ky * dilation[0], kx * dilation[1]
            reached = (
                slice(y, y + stride[0] * (oh - 1) + 1, stride[0]),
                slice(x, x + stride[1] * (ow - 1) + 1, stride[1]),
            )
            for o in range(co // groups):
                total[(..., *reached)] += products[:, :, o]
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
    products = product(activations, grad, multiplier, number_format)
    total = torch.zeros(products.shape[1:-1])
    for pixel in range(products.shape[-1]):
        for image in range(len(products)):
            total = total + products[image, ..., pixel]
    return total.reshape(weight.shape)
