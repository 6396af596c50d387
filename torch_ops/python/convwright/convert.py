# SPDX-License-Identifier: Apache-2.0
"""`convert_`: give a model's torch.nn.Conv2d layers to Convwright, in place."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.modules.conv import _ConvNd

from convwright.nn import Conv2d


@dataclass(frozen=True)
class LayerReport:
    name: str  # qualified name in the model, "" for the model itself
    type: str  # class of the layer before the call
    converted: bool
    reason: str = ""  # why it was left as it is, else ""


@dataclass(frozen=True)
class ConversionReport:
    """What `convert_` did with each convolution of a model, in the order of named_modules()."""

    layers: tuple[LayerReport, ...]

    @property
    def converted(self) -> int:
        """Number of layers that Convwright took."""
        return sum(layer.converted for layer in self.layers)

    def __str__(self) -> str:
        lines = [f"{self.converted} of {len(self.layers)} convolutions converted"]
        width = max((len(layer.name or "(model)") for layer in self.layers), default=0)
        for layer in self.layers:
            outcome = "converted" if layer.converted else f"left: {layer.reason}"
            lines.append(f"  {layer.name or '(model)':{width}}  {layer.type}  {outcome}")
        return "\n".join(lines)


def convert_(
    model: torch.nn.Module, filter_fn: Callable[[str, torch.nn.Module], bool] | None = None
) -> ConversionReport:
    """Let Convwright compute every torch.nn.Conv2d of `model`, itself included, in place.

    `filter_fn(name, module)` may return False to leave a layer as it is. Subclasses of
    torch.nn.Conv2d are left too: they may override what Convwright would. Parameters, hooks, mode,
    dtype and device stay, because each layer stays the same object and only its class changes; so
    optimizers, shared layers and other references to it hold too.
    """
    layers = []
    for name, module in model.named_modules():
        if not isinstance(module, _ConvNd):
            continue
        reason = _why_left(name, module, filter_fn)
        layers.append(LayerReport(name, type(module).__name__, reason is None, reason or ""))
        if reason is None:
            module.__class__ = Conv2d
    return ConversionReport(tuple(layers))


def _why_left(
    name: str, module: _ConvNd, filter_fn: Callable[[str, torch.nn.Module], bool] | None
) -> str | None:
    if isinstance(module, Conv2d):
        return "already Convwright's"
    if isinstance(module, torch.nn.LazyConv2d):
        return "its sizes are unknown until the first forward"
    if not isinstance(module, torch.nn.Conv2d):
        return "no kernel for this kind of convolution"
    if type(module) is not torch.nn.Conv2d:
        return "a subclass of torch.nn.Conv2d"
    if filter_fn is not None and not filter_fn(name, module):
        return "filter_fn"
    return None
