# SPDX-License-Identifier: Apache-2.0
"""Convolutions as functions: those in the place of PyTorch's, and layers PyTorch has not."""

from convwright.functional.approximate import approx_conv2d, approx_linear
from convwright.functional.convolution import conv2d
from convwright.functional.convolution1d import conv1d
from convwright.functional.relu import conv2d_relu
from convwright.functional.separable import depthwise_separable_conv2d, weighted_sum_conv2d
from convwright.functional.transposed import conv_transpose2d

__all__ = [
    "approx_conv2d",
    "approx_linear",
    "conv1d",
    "conv2d",
    "conv2d_relu",
    "conv_transpose2d",
    "depthwise_separable_conv2d",
    "weighted_sum_conv2d",
]
