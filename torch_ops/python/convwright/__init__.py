# SPDX-License-Identifier: Apache-2.0
"""Tuned convolutions for PyTorch: drop-in layers whose kernels are compiled with Halide.

    model = torchvision.models.resnet18()
    print(convwright.convert_(model))            # in place; same parameters, same state_dict
    print(convwright.explain(model, images))     # which kernel ran, or why PyTorch did
    convwright.convert_(model, multiplier="mbm") # products of an approximate multiplier instead

`import convwright` needs nothing: PyTorch is imported with the first name that is used, so that
`convwright doctor` works where PyTorch does not. It never fails for want of the operator library
either: the first convolution that needs it raises `LibraryMissing` with the cause and what to do.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convwright import functional, multipliers, nn, quantisation
    from convwright._explain import explain
    from convwright._flops import flops
    from convwright._kinds import force_kind
    from convwright._library import LibraryMissing
    from convwright._winograd import allow_winograd
    from convwright.convert import convert_
    from convwright.fuse import fuse_depthwise_separable_, fuse_relu_, fuse_weighted_sum_
    from convwright.tuning import tune

__version__ = "0.1.0"

__all__ = [
    "LibraryMissing",
    "allow_winograd",
    "convert_",
    "explain",
    "flops",
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

# Where each name is; modules that `convwright.NAME` gives are their own.
_HOMES = {
    "LibraryMissing": "_library",
    "allow_winograd": "_winograd",
    "convert_": "convert",
    "explain": "_explain",
    "flops": "_flops",
    "force_kind": "_kinds",
    "fuse_depthwise_separable_": "fuse",
    "fuse_relu_": "fuse",
    "fuse_weighted_sum_": "fuse",
    "tune": "tuning",
}
_MODULES = {"check", "convert", "functional", "fuse", "multipliers", "nn", "quantisation", "tuning"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
