# SPDX-License-Identifier: Apache-2.0
"""The operators of approximate multipliers, and what Python adds to them: fake kernels and vmap.

    approx_conv2d_fprop(input, weight, bias?, stride, padding, dilation, groups,
                        multiplier, number_format, mantissa_table?) -> Tensor
    approx_conv2d_dgrad(grad_output, input, weight, ...the same...) -> Tensor
    approx_conv2d_wgrad(grad_output, input, weight, ...the same...) -> Tensor
    approx_int8_conv2d(input, weight, stride, padding, dilation, groups,
                       table, pad_value, device_table?) -> Tensor
    int8_device_table(table, is_signed) -> Tensor

for graphs the first three with a table that may be on the CPU where the tensors are on a GPU,

    approx_conv2d_fprop_with_table(...the same..., mantissa_table) -> Tensor

and functions of text about multipliers. They have no Autograd kernel: which gradient is meant is a
setting of the layer, see `_approx_functions.py`. All need the operator library; without it, or with
one that is older than this package, the first use raises `LibraryMissing`.

A device table must be what int8_device_table makes of the same table, as `Multiplier` has both. The
operator compares their lengths alone: to look at a GPU's memory it would have to wait for it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from convwright import _library, _vmap
from convwright._formulas import Ops
from convwright._ops import _activation_format, _fake_dgrad, _fake_fprop, _fake_wgrad

_DIRECTIONS = ("fprop", "dgrad", "wgrad")
Vmap = Callable[..., tuple[Tensor, int]]


@cache
def operator(name: str) -> Callable[..., Any]:
    """The operator of this name. Raises LibraryMissing with one sentence where there is none."""
    _library.load()
    _register()
    if not hasattr(torch.ops.convwright, name):
        raise _library.LibraryMissing(
            f"The operator library has no {name}: it is older than this package. {_library._REMEDY}"
        )
    return getattr(torch.ops.convwright, name).default


def ops_of(multiplier: str, number_format: str, mantissa_table: Tensor | None) -> Ops:
    """The three directions with products of one multiplier; arguments as of the exact ones. A table
    of fractions, if there is one, is the multiplier, whose name then does not count."""
    names = (multiplier, number_format)
    if torch.compiler.is_compiling():
        return _traced_ops(*names, mantissa_table)
    fprop, dgrad, wgrad = _directions()
    return Ops(
        lambda *args: fprop(*args, *names, table_for(args[0], mantissa_table)),
        lambda *args: dgrad(*args, *names, table_for(args[0], mantissa_table)),
        lambda *args: wgrad(*args, *names, table_for(args[0], mantissa_table)),
    )


def _traced_ops(*settings: Any) -> Ops:
    """ops_of() in a graph, where Dynamo does not trace how operators are found; the first layer has
    found them. A graph would copy a table to a GPU in each call, so an operator does."""
    table = settings[-1]

    def call(direction: str) -> Callable[..., Tensor]:
        def op(*args: Any) -> Tensor:
            is_here = table is None or table.device == args[0].device
            name = f"approx_conv2d_{direction}" + ("" if is_here else "_with_table")
            return getattr(torch.ops.convwright, name).default(*args, *settings)

        return op

    return Ops(call("fprop"), call("dgrad"), call("wgrad"))


def table_for(tensor: Tensor, table: Tensor | None) -> Tensor | None:
    """The table where the tensor is: tables are made on the CPU, and copied to a GPU once."""
    if table is None or not tensor.is_cuda or table.device == tensor.device:
        return table
    # A tensor of inference mode has no version that would show a change.
    if torch.compiler.is_compiling() or table.is_inference():
        return table.to(tensor.device)
    copies = _COPIES.setdefault(table, {})
    version, copy = copies.get(tensor.device, (None, None))
    if version != table._version:
        with torch.inference_mode(False):  # or training could not use it
            values = table.detach()
            copy = values.to(tensor.device) if copy is None else copy.copy_(values)
        copies[tensor.device] = table._version, copy
    return copy


# table -> {device: (version, copy)}. A captured CUDA graph and kernels of other streams read a copy
# after the call that made it: it stays where it is as long as the table lives, which a layer holds.
_COPIES: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


@cache
def _directions() -> Ops:
    return Ops(*(operator(f"approx_conv2d_{direction}") for direction in _DIRECTIONS))


def ask(name: str, *args: Any) -> Any:
    """A function of text. Its refusal, one sentence, becomes a ValueError."""
    op = operator(name)
    try:
        return op(*args)
    except RuntimeError as error:
        sentence = str(error).splitlines()[0].removeprefix("convwright: ")
        raise ValueError(sentence.removesuffix(".")) from None


@cache
def _register() -> None:
    """Give those operators that the library has their fake kernels and vmap rules."""
    fakes = {
        "approx_conv2d_fprop": lambda *args: _fake_fprop(*args[:7]),
        "approx_conv2d_dgrad": _fake_dgrad,
        "approx_conv2d_wgrad": _fake_wgrad,
        "approx_int8_conv2d": _fake_int8,
    }
    for name, fake in fakes.items():
        if hasattr(torch.ops.convwright, name):
            torch.library.register_fake(f"convwright::{name}", fake)
    for direction in _DIRECTIONS:
        name = f"approx_conv2d_{direction}"
        if hasattr(torch.ops.convwright, name):
            _define_with_table(name, fakes[name])
            for op in (name, f"{name}_with_table"):
                torch.library.register_vmap(f"convwright::{op}", _rule(direction))


# What Python adds to the library's operators; they go with this object.
_ADDED = torch.library.Library("convwright", "FRAGMENT")


def _define_with_table(name: str, fake: Callable[..., Tensor]) -> None:
    """The operator with a table that may be on the CPU where the tensors are on a GPU."""
    op = getattr(torch.ops.convwright, name).default
    arguments = str(op._schema).partition("(")[2]
    with_table = f"{name}_with_table"
    _ADDED.define(
        f"{with_table}({arguments.replace('Tensor? mantissa_table=None', 'Tensor mantissa_table')}"
    )

    def run(*args: Any) -> Tensor:
        return op(*args[:-1], table_for(args[0], args[-1]))

    _ADDED.impl(with_table, run, "CompositeExplicitAutograd")
    torch.library.register_fake(f"convwright::{with_table}", fake)


def _fake_int8(input: Tensor, weight: Tensor, *args: Any) -> Tensor:
    stride, padding, dilation, groups = args[:4]
    sizes = torch.ops.aten.convolution.default(
        input.float(), weight.float(), None, stride, padding, dilation, False, [0, 0], groups
    ).shape
    return input.new_empty(sizes, dtype=torch.int32).contiguous(
        memory_format=_activation_format(input, weight)
    )


def _rule(direction: str) -> Vmap:
    exact_rule = getattr(_vmap, f"{direction}_vmap")

    def rule(info: Any, in_dims: _vmap.InDims, *args: Any) -> tuple[Tensor, int]:
        # The table has a default, which a call may leave out.
        mantissa_table = args[-1] if args[-1] is None or isinstance(args[-1], Tensor) else None
        *args, multiplier, number_format = args[:9]
        dims = list(in_dims[: len(args)])
        if direction == "fprop" and dims[2] is not None and dims[1] is None:
            # The exact rule would add the bias behind the sum, and the sum begins with it.
            args[1], dims[1] = args[1].expand(info.batch_size, *args[1].shape), 0
        return exact_rule(
            ops_of(multiplier, number_format, mantissa_table), info, tuple(dims), *args
        )

    return rule
