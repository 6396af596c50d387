# SPDX-License-Identifier: Apache-2.0
"""The autograd.Function of an approximate convolution in a float format, with its backwards.

The forward is one operator. The gradient of the bias is exact; those of input and weight are, by
`Settings.backward`:

    ste         the exact convolution's, by the same operators (and so any order, and forward mode)
    approx      the multiplier's products in dgrad and wgrad: product(grad_output, weight) and
                product(input, grad_output)
    derivative  the derivative of the multiplier, piece by piece (_slopes.py)
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from convwright import _formulas, _windows
from convwright._approx_ops import ops_of
from convwright._approx_settings import Settings
from convwright._formulas import Ops
from convwright._functions import DIFFERENTIABLE, transform_active
from convwright._ops import BELOW_AUTOGRAD, RAW
from convwright._slopes import log_slopes, nearest_power, truncated_to_bfloat16


class Call:
    """Settings and geometry of one call, as one leaf of a pytree."""

    def __init__(self, settings: Settings, *geometry: Any) -> None:
        self.settings = settings
        self.geometry = geometry

    @property
    def ops(self) -> Ops:
        """The three directions by the approximate product."""
        settings = self.settings
        return ops_of(settings.text, settings.number_format, settings.mantissa_table)


class _Approximate(Function):
    """For torch.compile too, which refuses a Function with a jvp."""

    generate_vmap_rule = True

    @staticmethod
    def forward(input: Tensor, weight: Tensor, bias: Tensor | None, call: Call) -> Tensor:
        return call.ops.fprop(input, weight, bias, *call.geometry)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        input, weight, _, ctx.call = inputs
        ctx.geometry = ctx.call.geometry
        ctx.output_shape = output.shape
        ctx.save_for_backward(input, weight)
        ctx.save_for_forward(input, weight)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.call.settings.backward == "ste":
            return _formulas.fprop_backward(_exact_ops(), ctx, grad_output)[:4]
        needs_input, needs_weight, needs_bias, _ = ctx.needs_input_grad
        grad_input, grad_weight = once(
            _approx if ctx.call.settings.backward == "approx" else _derivative,
            (needs_input, needs_weight),
            grad_output,
            *ctx.saved_tensors,
            ctx.call,
        )
        grad_bias = grad_output.sum((0, 2, 3)) if needs_bias else None
        return grad_input, grad_weight, grad_bias, None


class _WithForwardMode(_Approximate):
    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        if ctx.call.settings.backward != "ste":
            raise NotImplementedError(
                f"forward-mode differentiation of backward={ctx.call.settings.backward!r} is not "
                "there, use backward='ste'"
            )
        return _formulas.fprop_jvp(DIFFERENTIABLE, ctx, *tangents[:3])


class _Eager(Function):
    """For plain eager training: without a setup_context a call costs half of the host's time."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, call: Call) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.call, ctx.geometry = call, call.geometry
        return call.ops.fprop(input, weight, bias, *call.geometry)

    backward = staticmethod(_Approximate.backward)


def approximate(input: Tensor, weight: Tensor, bias: Tensor | None, call: Call) -> Tensor:
    """fprop with the multiplier of `call`, differentiable as its settings say."""
    if torch.compiler.is_compiling():
        return _Approximate.apply(input, weight, bias, call)
    if transform_active():
        return _WithForwardMode.apply(input, weight, bias, call)
    if not torch.is_grad_enabled():
        return call.ops.fprop(input, weight, bias, *call.geometry)
    return _Eager.apply(input, weight, bias, call)


def _exact_ops() -> Ops:
    if torch.compiler.is_compiling():
        return RAW
    plain = not torch.is_grad_enabled() and not transform_active()
    return BELOW_AUTOGRAD if plain else DIFFERENTIABLE


# (needs, grad_output, input, weight, call) -> the gradients needed, input's before weight's
Gradients = Callable[..., tuple[Tensor, ...]]


class _Once(Function):
    """Gradients that have none themselves, and say so."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        grad_output: Tensor,
        input: Tensor,
        weight: Tensor,
        call: Any,
        gradients: Gradients,
        needs: tuple[bool, bool],
    ) -> tuple[Tensor, ...]:
        return gradients(needs, grad_output, input, weight, call)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.backward_name = inputs[3].settings.backward

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise RuntimeError(
            f"backward={ctx.backward_name!r} of this number format has no second derivative, use "
            "backward='ste' in a float format"
        )


def once(
    gradients: Gradients,
    needs: tuple[bool, bool],
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    call: Any,
) -> tuple[Tensor | None, Tensor | None]:
    """(grad_input, grad_weight), None where not needed; a derivative of them raises RuntimeError"""
    if not any(needs):
        return None, None
    found = iter(_Once.apply(grad_output, input, weight, call, gradients, needs))
    grad_input, grad_weight = (next(found) if needed else None for needed in needs)
    return grad_input, grad_weight


def _approx(
    needs: tuple[bool, bool], grad_output: Tensor, input: Tensor, weight: Tensor, call: Call
) -> tuple[Tensor, ...]:
    directions = (call.ops.dgrad, call.ops.wgrad)
    return tuple(
        direction(grad_output, input, weight, *call.geometry)
        for direction, needed in zip(directions, needs, strict=True)
        if needed
    )


def _derivative(
    needs: tuple[bool, bool], grad_output: Tensor, input: Tensor, weight: Tensor, call: Call
) -> tuple[Tensor, ...]:
    multiplier = call.settings.multiplier
    if call.settings.number_format == "bfloat16":
        input, weight = truncated_to_bfloat16(input), truncated_to_bfloat16(weight)
    if multiplier.name in ("exact", "roba"):
        # The slope along one operand is a function of the other alone: an exact convolution.
        if multiplier.name == "roba":
            input, weight = nearest_power(input), nearest_power(weight)
        exact = (BELOW_AUTOGRAD.dgrad, BELOW_AUTOGRAD.wgrad)
        found = [
            direction(grad_output, input, weight, *call.geometry) if needed else None
            for direction, needed in zip(exact, needs, strict=True)
        ]
    else:
        found = _windows.gradients(
            log_slopes(multiplier), needs, grad_output, input, weight, call.geometry
        )
    return tuple(gradient for gradient in found if gradient is not None)
