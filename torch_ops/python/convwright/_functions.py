# SPDX-License-Identifier: Apache-2.0
"""autograd.Functions over the operators, for the two cases that `register_autograd` serves badly.

`conv2d_eager`: plain eager training. `register_autograd` costs 25 us of host time a call, a
Function with `forward(ctx, ...)` 4.

`DIFFERENTIABLE`: everything else outside torch.compile. `register_autograd` is refused by
torch.func.grad and drops forward-mode tangents; a Function with `setup_context` and `jvp` is right.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from convwright import _formulas
from convwright._formulas import Ops
from convwright._ops import BELOW_AUTOGRAD, RAW, fprop_eager, fprop_relu_eager

_functorch_active = torch._C._are_functorch_transforms_active


def transform_active() -> bool:
    """Whether a torch.func transform or a forward-mode level is active."""
    return _functorch_active() or forward_ad._current_level >= 0


def _kept(geometry: tuple[Any, ...]) -> tuple[Any, ...]:
    """The caller may change its lists before backward runs."""
    return tuple(tuple(v) if isinstance(v, list) else v for v in geometry)


class _Eager(Function):
    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any
    ) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.geometry = _kept(geometry)
        return fprop_eager(input, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        # Grad mode is on in a backward with create_graph: then the gradients carry graphs.
        plain = not torch.is_grad_enabled() and not transform_active()
        ops = BELOW_AUTOGRAD if plain else DIFFERENTIABLE
        return _formulas.fprop_backward(ops, ctx, grad_output)


# Function.apply in Python only looks for a setup_context and for functorch levels, at 1.7 us;
# _Eager has none of the first, and its caller has ruled out the second.
conv2d_eager = super(Function, _Eager).apply


class _EagerRelu(Function):
    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any
    ) -> Tensor:
        output = fprop_relu_eager(input, weight, bias, *geometry)
        ctx.save_for_backward(input, weight, output)
        ctx.geometry = _kept(geometry)
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        *_, output = ctx.saved_tensors
        # The output says as well as the sum before it where the ReLU was open.
        grad_sum = torch.ops.aten.threshold_backward(grad_output, output, 0)
        plain = not torch.is_grad_enabled() and not transform_active()
        ops = BELOW_AUTOGRAD if plain else DIFFERENTIABLE
        return _formulas.fprop_backward(ops, ctx, grad_sum)


conv2d_relu_eager = super(Function, _EagerRelu).apply


class _Geometry:
    """Stride, padding, dilation and groups as one leaf of a pytree.

    Where a jvp runs under vmap, PyTorch 2.11 miscounts the arguments if one of them is a tuple.
    """

    def __init__(self, *values: Any) -> None:
        self.values = _kept(values)


class _Differentiable(Function):
    """What the directions share. Arguments: three tensors and a _Geometry."""

    generate_vmap_rule = True

    @classmethod
    def call(cls, first: Tensor, second: Tensor, third: Tensor | None, *geometry: Any) -> Tensor:
        return cls.apply(first, second, third, _Geometry(*geometry))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, geometry = inputs
        ctx.geometry = geometry.values
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)


class _Fprop(_Differentiable):
    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        input, weight, _, geometry = inputs
        ctx.geometry = geometry.values
        ctx.output_shape = output.shape
        ctx.save_for_backward(input, weight)
        ctx.save_for_forward(input, weight)

    @staticmethod
    def forward(input: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor:
        return RAW.fprop(input, weight, bias, *geometry.values)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        return _formulas.fprop_backward(DIFFERENTIABLE, ctx, grad_output)[:4]

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        return _formulas.fprop_jvp(DIFFERENTIABLE, ctx, *tangents[:3])


class _Dgrad(_Differentiable):
    @staticmethod
    def forward(grad_output: Tensor, input: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
        return RAW.dgrad(grad_output, input, weight, *geometry.values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _formulas.dgrad_backward(DIFFERENTIABLE, ctx, grad)[:4]

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        return _formulas.dgrad_jvp(DIFFERENTIABLE, ctx, *tangents[:3])


class _Wgrad(_Differentiable):
    @staticmethod
    def forward(grad_output: Tensor, input: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
        return RAW.wgrad(grad_output, input, weight, *geometry.values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _formulas.wgrad_backward(DIFFERENTIABLE, ctx, grad)[:4]

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        return _formulas.wgrad_jvp(DIFFERENTIABLE, ctx, *tangents[:3])


DIFFERENTIABLE = Ops(_Fprop.call, _Dgrad.call, _Wgrad.call)


def careful_backward(
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    geometry: tuple[Any, ...],
    needs: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    """What the autograd library calls where a backward is differentiated or transformed itself."""
    ctx = SimpleNamespace(saved_tensors=(input, weight), needs_input_grad=needs, geometry=geometry)
    return _formulas.fprop_backward(DIFFERENTIABLE, ctx, grad_output)[:3]
