# SPDX-License-Identifier: Apache-2.0
"""`convert_`: give a model's layers to Convwright, in place."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.lazy import LazyModuleMixin

from convwright._approx_settings import Settings, check_settings
from convwright.multipliers import GradientTable, Multiplier
from convwright.nn import ApproxConv2d, ApproxLinear, Conv1d, Conv2d, ConvTranspose2d
from convwright.nn._approximate import Approximate

Filter = Callable[[str, torch.nn.Module], bool]
_EXACT: dict[type, type] = {
    torch.nn.Conv1d: Conv1d,
    torch.nn.Conv2d: Conv2d,
    torch.nn.ConvTranspose2d: ConvTranspose2d,
}
# What a multiplier turns each class into. A layer that is approximate already gets the new one.
_APPROXIMATE: dict[type, type] = {
    torch.nn.Conv2d: ApproxConv2d,
    Conv2d: ApproxConv2d,
    ApproxConv2d: ApproxConv2d,
    torch.nn.Linear: ApproxLinear,
    ApproxLinear: ApproxLinear,
}


@dataclass(frozen=True)
class LayerReport:
    name: str  # qualified name in the model, "" for the model itself
    type: str  # class of the layer before the call
    converted: bool
    reason: str = ""  # why it was left as it is, else ""


@dataclass(frozen=True)
class ConversionReport:
    """What `convert_` did with each layer of a model, in the order of named_modules()."""

    layers: tuple[LayerReport, ...]
    what: str = "convolutions"

    @property
    def converted(self) -> int:
        """Number of layers that Convwright took."""
        return sum(layer.converted for layer in self.layers)

    def __str__(self) -> str:
        lines = [f"{self.converted} of {len(self.layers)} {self.what} converted"]
        width = max((len(layer.name or "(model)") for layer in self.layers), default=0)
        for layer in self.layers:
            outcome = "converted" if layer.converted else f"left: {layer.reason}"
            lines.append(f"  {layer.name or '(model)':{width}}  {layer.type}  {outcome}")
        return "\n".join(lines)


def convert_(
    model: torch.nn.Module,
    filter_fn: Filter | None = None,
    *,
    multiplier: str | Multiplier | None = None,
    backward: str | GradientTable = "ste",
    number_format: str = "float32",
) -> ConversionReport:
    """Let Convwright compute each torch.nn.Conv1d, Conv2d and ConvTranspose2d of `model`, itself
    included, in place.

    They become `convwright.nn.Conv1d`, `Conv2d` and `ConvTranspose2d`. With a `multiplier` every
    torch.nn.Conv2d and Linear becomes an approximate layer with these settings instead (see
    `convwright.nn.ApproxConv2d`; layers that are approximate already get them too); "exact" makes
    the control.

    `filter_fn(name, module)` may return False to leave a layer as it is. Subclasses of PyTorch's
    layers, and layers that were given a `forward` of their own, are left too: they may override
    what Convwright would. Parameters, hooks, mode, dtype and
    device stay, because each layer stays the same object and only its class changes; so optimizers,
    shared layers and other references to it hold too.

    Raises ValueError with one sentence for settings that do not exist; no layer is changed then.
    """
    if multiplier is None:
        if (backward, number_format) != ("ste", "float32"):
            raise ValueError(
                f"backward is {backward!r} and number_format {number_format!r}, they need a "
                "multiplier, such as 'exact'"
            )
        settings = None
    else:
        settings = check_settings(multiplier, number_format, backward)
    layers = []
    passed_by = _read_past(model) if settings is not None else set()
    for name, module in model.named_modules():
        if not isinstance(module, _ConvNd) and (
            settings is None or not isinstance(module, torch.nn.Linear)
        ):
            continue
        reason = _why_left(name, module, filter_fn, settings is not None)
        if reason is None and module in passed_by:
            reason = "the fast path of torch.nn.TransformerEncoderLayer reads its weight alone"
        layers.append(LayerReport(name, type(module).__name__, reason is None, reason or ""))
        if reason is None:
            _convert(module, settings)
    what = "convolutions" if settings is None else "layers"
    return ConversionReport(tuple(layers), what)


def _read_past(model: torch.nn.Module) -> set[torch.nn.Module]:
    """Layers whose weights PyTorch may multiply without calling them: exactly, that is."""
    encoders = (m for m in model.modules() if isinstance(m, torch.nn.TransformerEncoderLayer))
    return {layer for m in encoders for layer in (m.linear1, m.linear2)}


def _convert(module: torch.nn.Module, settings: Settings | None) -> None:
    if settings is None:
        module.__class__ = _EXACT[type(module)]
        return
    module.__class__ = _APPROXIMATE[type(module)]
    module._use(settings)


def _why_left(
    name: str, module: torch.nn.Module, filter_fn: Filter | None, approximate: bool
) -> str | None:
    ours = (Conv2d,) if approximate else (*_EXACT.values(), Approximate)
    if isinstance(module, ours) and not (approximate and type(module) in _APPROXIMATE):
        return "already Convwright's"
    known = _APPROXIMATE if approximate else _EXACT
    kinds = [kind for kind in known if isinstance(module, kind)]
    if kinds and isinstance(module, LazyModuleMixin):
        return "its sizes are unknown until the first forward"
    if not kinds:
        return "no kernel for this kind of convolution"
    if type(module) not in known:
        return f"a subclass of torch.nn.{kinds[0].__name__}"
    if "forward" in vars(module):
        return "it has a forward of its own"
    if filter_fn is not None and not filter_fn(name, module):
        return "filter_fn"
    return None
