# SPDX-License-Identifier: Apache-2.0
"""Layers: `Conv1d`, `Conv2d`, `ConvTranspose2d` in PyTorch's place, and layers PyTorch has not."""

from convwright.nn.approximate import ApproxConv2d, ApproxLinear
from convwright.nn.convolution import Conv1d, Conv2d, Conv2dReLU, ConvTranspose2d
from convwright.nn.separable import DepthwiseSeparableConv2d, WeightedSumConv2d

__all__ = [
    "ApproxConv2d",
    "ApproxLinear",
    "Conv1d",
    "Conv2d",
    "Conv2dReLU",
    "ConvTranspose2d",
    "DepthwiseSeparableConv2d",
    "WeightedSumConv2d",
]
