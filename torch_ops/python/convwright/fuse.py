# SPDX-License-Identifier: Apache-2.0
"""Put one layer of Convwright in the place of two of PyTorch's, in place and on their parameters.

Where a pair does not fit, it stays as it is and the report says why. Of two convolutions the first
becomes torch.nn.Identity and the second the fused layer, so that the code of the model runs
unchanged; of a convolution and its ReLU it is the other way round. Parameters are the same objects,
so optimizers made before hold. The names of parameters in the state_dict change for a fused pair of
convolutions: load checkpoints of the two-layer form first.

Pairs are looked for in what torch.fx can trace: the whole model, or else its children one by one.
A model that torch.fx cannot trace must not use layers of a child behind that child's back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import Conv2d, Identity, Linear, Module
from torch.nn.utils.parametrize import is_parametrized

from convwright import nn
from convwright._links import links


@dataclass(frozen=True)
class PairReport:
    first: str  # qualified names in the model
    second: str
    fused: bool
    reason: str = ""  # why the pair was left as it is, else ""


@dataclass(frozen=True)
class FusionReport:
    """What was done with each pair of layers, in the order of named_modules()."""

    pairs: tuple[PairReport, ...]

    @property
    def fused(self) -> int:
        """Number of pairs that are one layer now."""
        return sum(pair.fused for pair in self.pairs)

    def __str__(self) -> str:
        lines = [f"{self.fused} of {len(self.pairs)} pairs fused"]
        names = [f"{pair.first}, {pair.second}" for pair in self.pairs]
        width = max(map(len, names), default=0)
        for name, pair in zip(names, self.pairs, strict=True):
            outcome = "fused" if pair.fused else f"left: {pair.reason}"
            lines.append(f"  {name:{width}}  {outcome}")
        return "\n".join(lines)


def fuse_weighted_sum_(model: Module) -> FusionReport:
    """Fuse each bias-free 1x1 convolution and the depthwise convolution that alone reads it.

    The two become a `convwright.nn.WeightedSumConv2d`. The first may be a torch.nn.Conv2d or a
    torch.nn.Linear between permutations to channels last and back.
    """
    return _fuse(
        model,
        lambda first, second: _is_pointwise(first) and _is_depthwise(second),
        partial(_why_not_separable, 0),
        lambda first, second: (Identity(), nn.WeightedSumConv2d.from_modules(first, second)),
    )


def fuse_depthwise_separable_(model: Module) -> FusionReport:
    """Fuse each bias-free depthwise convolution and the 1x1 convolution that alone reads it.

    The two become a `convwright.nn.DepthwiseSeparableConv2d`.
    """
    return _fuse(
        model,
        lambda first, second: (
            _is_depthwise(first) and _is_pointwise(second) and isinstance(second, Conv2d)
        ),
        partial(_why_not_separable, 1),
        lambda first, second: (Identity(), nn.DepthwiseSeparableConv2d.from_modules(first, second)),
    )


def fuse_relu_(model: Module) -> FusionReport:
    """Fuse each torch.nn.Conv2d and the torch.nn.ReLU that alone reads it.

    The convolution becomes a `convwright.nn.Conv2dReLU`: the same object, of which only the class
    changes, with the same state_dict.
    """

    def replacements(first: Module, _: Module) -> tuple[Module, Module]:
        first.__class__ = nn.Conv2dReLU
        return first, Identity()

    return _fuse(
        model,
        lambda first, second: isinstance(first, Conv2d) and isinstance(second, torch.nn.ReLU),
        lambda *_: None,
        replacements,
    )


def _fuse(
    model: Module,
    wanted: Callable[[Module, Module], bool],
    why_not: Callable[[tuple[str, str], tuple[Module, Module]], str | None],
    replacements: Callable[[Module, Module], tuple[Module, Module]],
) -> FusionReport:
    pairs, gone = [], set()
    for link in links(model, wanted):
        names = link.first, link.second
        modules = tuple(model.get_submodule(name) for name in names)
        reason = (
            next((f"{name} is part of another pair" for name in names if name in gone), None)
            or next(filter(None, map(_why_special, names, modules)), None)
            or why_not(names, modules)
            or _why_watched(model, *names)
            or next(iter(link.reasons), None)
        )
        pairs.append(PairReport(*names, reason is None, reason or ""))
        if reason is None:
            gone.update(names)
            for name, module in zip(names, replacements(*modules), strict=True):
                model.set_submodule(name, module)
    return FusionReport(tuple(pairs))


def _is_pointwise(module: Module) -> bool:
    if isinstance(module, Linear):
        return True
    return isinstance(module, Conv2d) and module.kernel_size == (1, 1) and module.groups == 1


def _is_depthwise(module: Module) -> bool:
    return (
        isinstance(module, Conv2d)
        and module.groups == module.in_channels == module.out_channels
        and not isinstance(module, torch.nn.LazyConv2d)
    )


_KNOWN = (Conv2d, nn.Conv2d, Linear, torch.nn.ReLU)


def _why_special(name: str, module: Module) -> str | None:
    """Why a layer is more than its class says."""
    if is_parametrized(module):
        return f"{name} is parametrized"
    if type(module) not in _KNOWN:
        return f"{name} is {type(module).__name__}, a subclass"
    if _has_hooks(module):
        return f"{name} has hooks"
    if "forward" in vars(module):
        return f"{name} has a forward of its own"
    return None


def _why_watched(model: Module, first: str, second: str) -> str | None:
    """Hooks of a container that holds one of the two see what is between them."""
    for inside, outside in ((first, second), (second, first)):
        parts = inside.split(".")
        for end in range(1, len(parts)):
            name = ".".join(parts[:end])
            if not f"{outside}.".startswith(f"{name}.") and _has_hooks(model.get_submodule(name)):
                return f"{name} has hooks"
    return None


def _has_hooks(module: Module) -> bool:
    return any(hooks for key, hooks in vars(module).items() if key.endswith("_hooks"))


def _why_not_separable(
    pointwise: int, names: tuple[str, str], modules: tuple[Module, Module]
) -> str | None:
    """Why a 1x1 and a depthwise convolution are not one; `pointwise` is the place of the 1x1."""
    if modules[0].bias is not None:
        return f"{names[0]} has a bias"
    name, module = names[pointwise], modules[pointwise]
    # Stride and padding of the fused layer are the depthwise convolution's.
    if isinstance(module, Conv2d):
        if module.stride != (1, 1):
            return f"{name} has a stride of {module.stride}"
        if module.padding not in ((0, 0), "valid", "same"):
            return f"{name} has a padding of {module.padding}"
    if len({(module.weight.dtype, module.weight.device) for module in modules}) > 1:
        return f"{names[0]} and {names[1]} differ in dtype or device"
    return None
