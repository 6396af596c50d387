# SPDX-License-Identifier: Apache-2.0
"""Calibration of quantised layers: observers, and `calibrate_`.

    convwright.convert_(model, multiplier="mbm", number_format="int8")
    convwright.quantisation.calibrate_(model, loader, observer=PercentileObserver)

While it calibrates, a layer computes exactly in float32, and its observer sees its input.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from convwright._arguments import first_tensor
from convwright._quantised import RANGES
from convwright.nn._approximate import Approximate

__all__ = ["MinMaxObserver", "PercentileObserver", "calibrate_", "scales"]

_SAMPLES = 1 << 16  # values kept of each batch by PercentileObserver


class MinMaxObserver:
    """The range of all values seen."""

    def __init__(self) -> None:
        self._low, self._high = torch.tensor(torch.inf), torch.tensor(-torch.inf)

    def observe(self, values: Tensor) -> None:
        if values.numel():
            low, high = values.detach().aminmax()
            # Which keep a NaN, and Python's min does not.
            self._low, self._high = torch.minimum(self._low, low), torch.maximum(self._high, high)

    def range(self) -> tuple[float, float]:
        """(least, most). Raises ValueError if nothing was seen."""
        if self._low > self._high:
            raise ValueError("the observer has seen no values, calibration needs one batch or more")
        return self._low.item(), self._high.item()


class PercentileObserver:
    """The range without the outermost values: of every 100, `percentile` are below its upper end.

    Of a batch of more than 65,536 values it keeps as many, evenly spread over memory. The lower end
    of values that are never negative is 0.
    Where a value was not finite both ends are NaN.
    """

    def __init__(self, percentile: float = 99.9) -> None:
        if not 50 < percentile <= 100:
            raise ValueError(f"percentile is {percentile}, it must be above 50 and at most 100")
        self.percentile = percentile
        self._samples: list[Tensor] = []
        self._finite = True

    def observe(self, values: Tensor) -> None:
        flat = values.detach().flatten()
        # Of all values: the range may be without one that is not finite, and so may the samples.
        self._finite = self._finite and bool(flat.isfinite().all())
        self._samples.append(flat[:: max(1, -(-flat.numel() // _SAMPLES))].clone())

    def range(self) -> tuple[float, float]:
        """(least, most). Raises ValueError if nothing was seen."""
        if not self._finite:
            return math.nan, math.nan
        values = torch.cat(self._samples) if self._samples else torch.empty(0)
        if not values.numel():
            raise ValueError("the observer has seen no values, calibration needs one batch or more")
        in_order = values.sort().values
        last = len(in_order) - 1
        high = in_order[round(last * self.percentile / 100)].item()
        low = in_order[round(last * (1 - self.percentile / 100))].item()
        return low, high


Observer = MinMaxObserver | PercentileObserver


def scales(low: Tensor, high: Tensor, number_format: str, symmetric: bool) -> tuple[Tensor, Tensor]:
    """(scale, zero point) of values from `low` to `high`, float32 and int32 of their sizes.

    The range is first widened to hold 0, which is then exact: the zero point. Symmetric: the zero
    point is the middle of the format (0 of int8, 128 of uint8) and the larger magnitude is 127
    steps. Else low and high are the ends of the format. A range of nothing but 0 has scale 1.
    """
    low, high = low.clamp(max=0), high.clamp(min=0)
    least, most = RANGES[number_format]
    if symmetric:
        step = torch.maximum(-low, high) / 127
        zero_point = torch.full_like(step, (least + most + 1) // 2)
    else:
        step = (high - low) / (most - least)
        zero_point = least - (low / step.masked_fill(step == 0, 1)).round()
    step = step.masked_fill(step == 0, 1)
    return step.float(), zero_point.clamp(least, most).int()


def calibrate_(
    model: torch.nn.Module,
    batches: Iterable[Any],
    *,
    observer: Callable[[], Observer] = MinMaxObserver,
    symmetric: bool = False,
    per_channel: bool = True,
) -> list[str]:
    """Set the scales and zero points of every quantised layer of `model`; returns their names.

    Runs `model` on the batches (tensors, or tuples that begin with one) in evaluation mode and
    without gradients, all its quantised layers exact meanwhile. `observer` makes an observer for
    the input of each layer. `symmetric` is for the activations; weights are always symmetric, from
    their largest magnitude, one scale for each output channel or one for all.

    Raises ValueError with one sentence for a layer that saw no input or values that are not finite;
    no layer is changed then.
    """
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, Approximate) and module.quantisation is not None
    }
    observers = {name: observer() for name in layers}
    _observe(model, batches, layers, observers)
    found = {
        name: _buffers(name, layer, observers[name], symmetric, per_channel)
        for name, layer in layers.items()
    }
    for name, buffers in found.items():
        for buffer, value in buffers.items():
            setattr(layers[name], buffer, value)
    return list(layers)


def _observe(
    model: torch.nn.Module,
    batches: Iterable[Any],
    layers: dict[str, Approximate],
    observers: dict[str, Observer],
) -> None:
    def watch(layer: Approximate, observer: Observer) -> RemovableHandle:
        def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            input = first_tensor(args, kwargs)
            if input is not None:  # else the call raises
                observer.observe(input)

        return layer.register_forward_pre_hook(before, with_kwargs=True)

    was_training = [(m, m.training) for m in model.modules()]
    handles = [watch(layer, observers[name]) for name, layer in layers.items()]
    try:
        model.eval()
        for layer in layers.values():
            layer.__dict__["_calibrating"] = True
        with torch.no_grad():
            for batch in batches:
                model(batch[0] if isinstance(batch, tuple | list) else batch)
    finally:
        for layer in layers.values():
            layer.__dict__.pop("_calibrating", None)
        for handle in handles:
            handle.remove()
        for module, training in was_training:
            module.training = training


def _buffers(
    name: str, layer: Approximate, observer: Observer, symmetric: bool, per_channel: bool
) -> dict[str, Tensor]:
    try:
        low, high = (layer.weight.new_tensor(end) for end in observer.range())
    except ValueError as error:
        raise ValueError(f"layer {name or '(model)'}: {error}") from None
    weight = layer.weight.detach()
    largest = weight.abs().flatten(1).amax(1) if per_channel else weight.abs().amax()
    if not (low.isfinite() and high.isfinite() and largest.isfinite().all()):
        raise ValueError(
            f"layer {name or '(model)'} has values that are not finite, calibration needs finite "
            "inputs and weights"
        )
    number_format = layer.number_format
    input_scale, input_zero_point = scales(low, high, number_format, symmetric)
    weight_scale, weight_zero_point = scales(-largest, largest, number_format, symmetric=True)
    return {
        "input_scale": input_scale,
        "input_zero_point": input_zero_point,
        "weight_scale": weight_scale,
        "weight_zero_point": weight_zero_point,
    }
