# SPDX-License-Identifier: Apache-2.0
"""Convolution of 8-bit numbers with a table of products, float32 in and out.

With scales s and zero points z, of activations (a) and of weights (w, one or one for each output
channel), and T the multiplier's table,

    q   = clamp(round(x / s) + z) to the format's range, rounding half to even
    sum = sum over taps of T(qa, qw); outside of the input qa is za
    out = sa sw (sum - zw sum(qa) - za sum(qw) + K za zw) + bias

where sum(qa) and sum(qw) go over the same K taps. The sums are integers, so exact in any order; the
bracket is computed in 64 bits, becomes float32 once, and is then multiplied by the float32 product
sa sw. With the exact table it is the quantised reference, (qa - za) (qw - zw) summed.

Backward is that of fake quantisation: straight through the rounding, zero where x was clamped.
"""

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from convwright import _windows
from convwright._approx_functions import once
from convwright._approx_ops import operator, table_for
from convwright._approx_settings import Settings
from convwright._ops import BELOW_AUTOGRAD
from convwright._slopes import table_slopes
from convwright.multipliers import Multiplier

RANGES = {"int8": (-128, 127), "uint8": (0, 255)}
_DTYPES = {"int8": torch.int8, "uint8": torch.uint8}
_MOST_SUM = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Quantisation:
    """Scales (float32, of a step) and zero points (integers of the format) of a layer's operands.

    Of activations one each, [] or [1]; of weights one or one for each output channel, [] or [Co].
    A call checks them on the host and reads input_zero_point there: on the CPU each time. A GPU
    would be waited for, so there the first call does, and each after a change that PyTorch counts
    (`Tensor._version`), which a write through `.data` is not.
    """

    input_scale: Tensor
    input_zero_point: Tensor
    weight_scale: Tensor
    weight_zero_point: Tensor


class QuantisedCall:
    """Settings, scales and geometry of one call. Raises ValueError for a scale or zero point that
    is none."""

    def __init__(self, settings: Settings, q: Quantisation, *geometry: Any) -> None:
        self.settings, self.geometry = settings, geometry
        self.low, self.high = RANGES[settings.number_format]
        _check_scale("input_scale", q.input_scale)
        _check_scale("weight_scale", q.weight_scale)
        self.input_zero_point, _ = self._checked("input_zero_point", q.input_zero_point)
        self.has_weight_zeros = any(self._checked("weight_zero_point", q.weight_zero_point))
        self.input_scale = q.input_scale.reshape(())
        self.weight_scale = q.weight_scale.reshape(-1, 1, 1, 1)
        self.weight_zero_point = q.weight_zero_point.reshape(-1, 1, 1, 1)

    def to(self, device: torch.device) -> "QuantisedCall":
        """With its tensors there. By a scale of the CPU a GPU would divide with other bits."""
        for name in ("input_scale", "weight_scale", "weight_zero_point"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def _checked(self, name: str, value: Tensor) -> tuple[int, int]:
        """The least and the greatest of some zero points."""
        least, most = map(int, _extremes(value))
        if least < self.low or most > self.high:
            raise ValueError(
                f"{name} is {least if least < self.low else most}, in "
                f"{self.settings.number_format} it must be from {self.low} to {self.high}"
            )
        return least, most

    def activations(self, input: Tensor) -> Tensor:
        """q of the input, float32, not clamped."""
        return (input / self.input_scale).round_().add_(self.input_zero_point)

    def weights(self, weight: Tensor) -> Tensor:
        """q of the weight, float32, not clamped."""
        return (weight / self.weight_scale).round_().add_(self.weight_zero_point)

    def clamped(self, q: Tensor) -> Tensor:
        return q.clamp(self.low, self.high)

    def inside(self, q: Tensor) -> Tensor:
        """Where the clamp let q pass: 1, else 0."""
        return ((q >= self.low) & (q <= self.high)).to(q.dtype)

    def stored(self, q: Tensor) -> Tensor:
        """q clamped, as int8 or uint8; q itself is overwritten."""
        return q.clamp_(self.low, self.high).to(_DTYPES[self.settings.number_format])


def _check_scale(name: str, scale: Tensor) -> None:
    least, most = _extremes(scale)
    if not (least > 0 and most < math.inf):
        raise ValueError(
            f"{name} is {most if least > 0 else least:g}, it must be a finite number above 0: "
            "convwright.quantisation.calibrate_ sets it"
        )


def _extremes(values: Tensor) -> tuple[float, float]:
    """The least and the greatest, both nan where one is."""
    # A write through .data shows in no version, and inference tensors have none.
    if values.is_cpu or values.is_inference():
        return _read_extremes(values)
    return _known_extremes(values, values._version)


def _read_extremes(values: Tensor, _version: int = 0) -> tuple[float, float]:
    if values.numel() == 1:
        value = values.item()
        return value, value
    least, most = values.detach().aminmax()
    return least.item(), most.item()


_known_extremes = lru_cache(maxsize=1024)(_read_extremes)


class _Quantised(Function):
    @staticmethod
    def forward(input: Tensor, weight: Tensor, bias: Tensor | None, call: QuantisedCall) -> Tensor:
        qa, qw = call.stored(call.activations(input)), call.stored(call.weights(weight))
        output = integer_sums(qa, qw, call).float()
        output *= (call.input_scale * call.weight_scale).reshape(-1, 1, 1)
        return output if bias is None else output.add_(bias.reshape(-1, 1, 1))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        input, weight, _, ctx.call = inputs
        ctx.save_for_backward(input, weight)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        needs_input, needs_weight, needs_bias, _ = ctx.needs_input_grad
        needs = (needs_input, needs_weight)
        grad_input, grad_weight = once(_gradients, needs, grad_output, *ctx.saved_tensors, ctx.call)
        grad_bias = grad_output.sum((0, 2, 3)) if needs_bias else None
        return grad_input, grad_weight, grad_bias, None


@torch.compiler.disable  # scales are read on the host
def quantised(
    settings: Settings,
    quantisation: Quantisation,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *geometry: Any,
) -> Tensor:
    """The convolution above, differentiable as the settings say."""
    call = QuantisedCall(settings, quantisation, *geometry).to(input.device)
    return _Quantised.apply(input, weight, bias, call)


def integer_sums(qa: Tensor, qw: Tensor, call: QuantisedCall) -> Tensor:
    """The bracket above, int32 or int64 [N, Co, Ho, Wo], of int8 or uint8 activations and weights.

    Raises ValueError where the table's sums over K taps could leave int32.
    """
    stride, padding, dilation, groups = call.geometry
    table = call.settings.multiplier.table(call.settings.number_format)
    taps = math.prod(qw.shape[1:])
    _check_sums(call, taps)
    za, zw = call.input_zero_point, call.weight_zero_point.reshape(-1, 1, 1).long()
    device_table = None
    if qa.is_cuda:
        multiplier, number_format = call.settings.multiplier, call.settings.number_format
        device_table = multiplier.device_table(number_format, qa.device)
    sums = operator("approx_int8_conv2d")(
        qa, qw, stride, padding, dilation, groups, table, za, device_table
    )
    if za:
        weight_sums = qw.sum((1, 2, 3), dtype=torch.int64).reshape(-1, 1, 1)
        offset = za * (taps * zw - weight_sums)
        # In 32 bits where nothing can leave them, which is half the memory traffic.
        largest_offset = abs(za) * taps * (call.high - call.low)
        fits = _largest_sum(call, taps) + largest_offset <= _MOST_SUM
        sums = sums.add_(offset.int()) if fits else sums + offset
    if call.has_weight_zeros:
        sums = sums - zw * _activation_sums(qa, qw, za, call.geometry)
    return sums


@cache
def _largest(multiplier: Multiplier, number_format: str) -> int:
    """Magnitude of the largest product."""
    return int(multiplier.table(number_format).abs().max())


def _largest_sum(call: QuantisedCall, taps: int) -> int:
    return taps * _largest(call.settings.multiplier, call.settings.number_format)


def _check_sums(call: QuantisedCall, taps: int) -> None:
    if _largest_sum(call, taps) > _MOST_SUM:
        largest = _largest(call.settings.multiplier, call.settings.number_format)
        raise ValueError(
            f"sums of {taps} products of up to {largest} could leave int32, "
            f"with multiplier {call.settings.multiplier} a window must have at most "
            f"{_MOST_SUM // largest} taps"
        )


def _activation_sums(qa: Tensor, qw: Tensor, za: int, geometry: Any) -> Tensor:
    """sum(qa) over the window of each output, int64 [N, Co, Ho, Wo] (expanded over channels)."""
    stride, (pad_h, pad_w), dilation, groups = geometry
    images, channels, height, width = qa.shape
    grouped = qa.reshape(images, groups, channels // groups, height, width)
    planes = grouped.sum(2, dtype=torch.int64)
    outside = za * (channels // groups)
    planes = F.pad(planes, (pad_w, pad_w, pad_h, pad_h), value=outside)
    ones = torch.ones(groups, 1, *qw.shape[2:], dtype=torch.float64, device=qa.device)
    # Integers below 2^53 are exact in float64 in any order.
    sums = F.conv2d(planes.double(), ones, None, stride, 0, dilation, groups).long()
    return sums.repeat_interleave(qw.shape[0] // groups, dim=1)


def _gradients(
    needs: tuple[bool, bool],
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    call: QuantisedCall,
) -> tuple[Tensor, ...]:
    """Straight through the rounding; of the product the exact slopes or the gradient table's.

    With g the gradient of the output, masks of the clamps and D the gradient table [qa, qw],

        grad_input  = mask    sum g sw (Da - zw)
        grad_weight = mask sa sum g    (Dw - za)

    where a table per operand has Da of qw and Dw of qa alone, and "ste" Da = qw and Dw = qa.
    """
    qa, qw = call.activations(input), call.weights(weight)
    a, w, za, zw = call.clamped(qa), call.clamped(qw), call.input_zero_point, call.weight_zero_point
    table = call.settings.gradient_table
    scaled = grad_output * call.weight_scale.reshape(-1, 1, 1)
    pairwise = table is not None and not table.per_operand
    found = []
    if needs[0]:
        if pairwise:
            slope = _pairwise((True, False), scaled, a, w, call)
            if call.has_weight_zeros:
                slope -= _dgrad(scaled, a, zw.to(w.dtype).expand_as(w), call)
        else:
            along = w if table is None else table_for(w, table.activation)[w.int() & 255]
            slope = _dgrad(scaled, a, along - zw, call)
        found.append(slope * call.inside(qa))
    if needs[1]:
        if pairwise:
            slope = _pairwise((False, True), grad_output, a, w, call)
            slope -= za * grad_output.sum((0, 2, 3)).reshape(-1, 1, 1, 1)
        else:
            slopes = None if table is None else table.weight
            slope = _wgrad(grad_output, a, w, slopes, call)
        found.append(slope * call.input_scale * call.inside(qw))
    return tuple(found)


def _pairwise(
    needs: tuple[bool, bool], grad_output: Tensor, a: Tensor, w: Tensor, call: QuantisedCall
) -> Tensor:
    slopes, za = table_slopes(call.settings.gradient_table), float(call.input_zero_point)
    found = _windows.gradients(slopes, needs, grad_output, a, w, call.geometry, za)
    return found[0] if needs[0] else found[1]


def _dgrad(grad_output: Tensor, a: Tensor, along: Tensor, call: QuantisedCall) -> Tensor:
    return BELOW_AUTOGRAD.dgrad(grad_output, a, along, *call.geometry)


def _wgrad(
    grad_output: Tensor, a: Tensor, w: Tensor, slopes: Tensor | None, call: QuantisedCall
) -> Tensor:
    """Of `slopes` [256] by activation byte, or of the activations themselves, less za."""
    stride, padding, dilation, groups = call.geometry
    along, za = a, call.input_zero_point
    if slopes is not None:
        # Padding holds za, whose slope need not be za: so it is written out.
        a = F.pad(a, (padding[1], padding[1], padding[0], padding[0]), value=float(za))
        along, padding = table_for(a, slopes)[a.int() & 255], (0, 0)
    return BELOW_AUTOGRAD.wgrad(grad_output, along - za, w, stride, padding, dilation, groups)
