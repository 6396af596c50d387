# SPDX-License-Identifier: Apache-2.0
"""`flops`: how many operations a model takes, layer by layer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from convwright import _counting
from convwright._kinds import force_kind
from convwright._text_table import text_table
from convwright._undisturbed import undisturbed

_EXACT = "exact"  # the multiplier of that name
_RELUS = {"relu", "relu_", "hardtanh", "hardtanh_"}  # ReLU6 is hardtanh
_WITH_BIAS = {"convolution": 2, "addmm": 0, "conv2d_fprop": 2, "approx_conv2d_fprop": 2}


@dataclass(frozen=True)
class Flops:
    """Operations of one layer, or of all of them."""

    multiplies: int = 0  # exact products
    approximate: int = 0  # products of an approximate multiplier
    adds: int = 0  # of products to their sums
    bias: int = 0  # additions of a bias
    relu: int = 0  # values that a ReLU, or a ReLU6, gave

    @property
    def total(self) -> int:
        """All of them: a multiply-accumulate is 2."""
        return sum(asdict(self).values())

    @property
    def accumulated(self) -> int:
        """A multiply-accumulate, a bias and a ReLU each count 1."""
        return self.multiplies + self.approximate + self.bias + self.relu

    def __add__(self, other: "Flops") -> "Flops":
        return Flops(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class FlopCount:
    """What `flops` found: the layers in the order in which they first ran."""

    layers: dict[str, Flops]  # by qualified name; "" is what is outside every layer

    @property
    def total(self) -> Flops:
        return sum(self.layers.values(), Flops())

    def __str__(self) -> str:
        head = ("layer", *(f.name for f in fields(Flops)), "total")
        named = [*self.layers.items(), ("total", self.total)]
        rows = [
            (name or "-", *(f"{n:,}" for n in (*asdict(f).values(), f.total))) for name, f in named
        ]
        return text_table(head, rows, left={0})


def flops(model: Callable[..., Any], *inputs: Any, bias_and_relu: bool = False) -> FlopCount:
    """Run `model(*inputs)` once, without gradients, and count its operations.

    Counted is what the layers are, not how a kernel computes them: products with padding too, and a
    weighted sum or a depthwise separable layer as its two convolutions. What PyTorch computes is
    counted by the formulas of torch.utils.flop_counter, whose total is `.total.total` where no
    multiplier is approximate. With `bias_and_relu` so are the additions of biases and the values
    of ReLUs. Other operations (pooling, normalisation, sums of tensors) are not.

    Buffers and random states are left as they were. Raises what the call raises. One call at a time
    in a process; not for compiled models.
    """
    names: list[str] = []
    mode = _Counting(names, bias_and_relu)
    with (
        undisturbed(model, inputs),
        force_kind("unfused"),
        torch.no_grad(),
        _layers_named(model, names),
        mode.told_of_wholes(),
        mode,
    ):
        model(*inputs)
    return FlopCount(mode.layers)


class _Counting(TorchDispatchMode):
    """Adds up every operation that PyTorch dispatches under the innermost layer's name."""

    def __init__(self, names: list[str], bias_and_relu: bool) -> None:
        super().__init__()
        self.layers: dict[str, Flops] = {}
        self._names = names
        self._bias_and_relu = bias_and_relu

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = op(*args, **(kwargs or {}))
        if not _counting.inside_one:
            self._count(op, args, kwargs or {}, output)
        return output

    @contextmanager
    def told_of_wholes(self) -> Iterator[None]:
        """Takes in what `_counting` is for."""

        def count(output: Tensor, weight: Tensor, bias: Tensor | None, multiplier: str) -> None:
            self._add(_products(output, weight, multiplier), output if bias is not None else None)

        _counting.count = count
        try:
            yield
        finally:
            _counting.count = None

    def _count(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        name = op._schema.name.partition("::")[2]
        if op.overloadpacket in flop_registry:
            flops = flop_registry[op.overloadpacket](*args, **kwargs, out_val=output)
            found = Flops(multiplies=flops // 2, adds=flops - flops // 2)
        elif name == "conv2d_fprop":
            found = _products(output, args[1], _EXACT)
        elif name == "approx_conv2d_fprop":
            found = _products(output, args[1], args[7] if len(args) < 10 else "table")
        elif name in _RELUS:
            if self._bias_and_relu:
                self._add(Flops(relu=output.numel()), None)
            return
        else:
            return
        place = _WITH_BIAS.get(name)
        with_bias = place is not None and len(args) > place and args[place] is not None
        self._add(found, output if with_bias else None)

    def _add(self, found: Flops, biased: Tensor | None) -> None:
        """`biased`: the tensor to whose values a bias was added."""
        if self._bias_and_relu and biased is not None:
            found += Flops(bias=biased.numel())
        layer = self._names[-1] if self._names else ""
        self.layers[layer] = self.layers.get(layer, Flops()) + found


def _products(output: Tensor, weight: Tensor, multiplier: str) -> Flops:
    """Of a convolution: each value is a sum of as many products as a filter has values."""
    count = output.numel() * weight[0].numel()
    if multiplier == _EXACT:
        return Flops(multiplies=count, adds=count)
    return Flops(approximate=count, adds=count)


@contextmanager
def _layers_named(model: Any, names: list[str]) -> Iterator[None]:
    """Inside, the last of `names` is the innermost module that runs."""
    if not isinstance(model, torch.nn.Module):
        yield
        return

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: names.append(name)

    def leave(*_: Any) -> None:
        names.pop()

    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(enter(name)))
        handles.append(module.register_forward_hook(leave))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
