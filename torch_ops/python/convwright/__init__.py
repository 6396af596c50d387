# SPDX-License-Identifier: Apache-2.0
"""Tuned convolutions for PyTorch: drop-in layers whose kernels are compiled with Halide.

    model = torchvision.models.resnet18()
    print(convwright.convert_(model))            # in place; same parameters, same state_dict
    print(convwright.explain(model, images))     # which kernel ran, or why PyTorch did
    convwright.convert_(model, multiplier="mbm") # products of an approximate multiplier instead

`import convwright` needs torch only and never fails for want of the operator library: the first
convolution that needs it raises `LibraryMissing` with the cause and what to do.
"""

from convwright import functional, multipliers, nn, quantisation
from convwright._explain import explain
from convwright._kinds import force_kind
from convwright._library import LibraryMissing
from convwright.convert import convert_
from convwright.fuse import fuse_depthwise_separable_, fuse_relu_, fuse_weighted_sum_
from convwright.tuning import tune

__version__ = "0.1.0"

__all__ = [
    "LibraryMissing",
    "convert_",
    "explain",
    "force_kind",
    "functional",
    "fuse_depthwise_separable_",
    "fuse_relu_",
    "fuse_weighted_sum_",
    "multipliers",
    "nn",
    "quantisation",
    "tune",
]
