# SPDX-License-Identifier: Apache-2.0
"""Multipliers of tables of float fractions, as values and in layers."""

import pickle

import numpy as np
import pytest
import torch

import convwright
from convwright import multipliers


def cut(a: float, w: float) -> float:
    """The product, cut to three fraction bits."""
    g = a * w
    unit = 0.25 if g >= 2 else 0.125
    return g // unit * unit


def reference(a: torch.Tensor, w: torch.Tensor, made: multipliers.Multiplier) -> torch.Tensor:
    a, w = (t.contiguous() for t in torch.broadcast_tensors(a, w))
    return torch.ops.convwright.mantissa_product(a, w, made.mantissa_table)


def test_a_function_of_fractions_becomes_a_table() -> None:
    made = multipliers.from_function(cut, format="float32", mantissa_bits=4)
    assert made.number_formats == ("float32", "bfloat16")
    assert len(made.mantissa_table) == 256
    a = torch.tensor([1.5, -3.0, 0.0, 5.0])
    w = torch.tensor([1.5, 7.0, 3.0, 0.25])
    expected = torch.tensor([cut(1.5, 1.5), -cut(1.5, 1.75) * 8, 0.0, cut(1.25, 1.0)])
    assert torch.equal(reference(a, w, made), expected)
    assert pickle.loads(pickle.dumps(made)) == made
    assert made.describe().max <= 0 and made.describe().engine == "table of fractions"


def test_arrays_of_entries_are_the_same_multiplier() -> None:
    made = multipliers.from_function(cut, format="float32", mantissa_bits=3)
    entries = made.mantissa_table.numpy()
    assert multipliers.from_table(entries.reshape(8, 8), format="float32") == made
    assert multipliers.from_table(torch.from_numpy(entries.copy()), format="float32") == made


@pytest.mark.filterwarnings("ignore")
def test_compiled() -> None:
    """In one graph, by the operators that bring the table to where the tensors are, too."""
    torch.compiler.reset()
    made = multipliers.from_function(cut, format="float32", mantissa_bits=5)
    layer = convwright.nn.ApproxConv2d(3, 4, 3, multiplier=made, backward="approx")
    input = torch.randn(2, 3, 6, 6, requires_grad=True)
    for module in (torch.compile(layer, backend="aot_eager", fullgraph=True), layer):
        output = module(input)
        grads = torch.autograd.grad(output.square().sum(), (input, *layer.parameters()))
        if module is not layer:
            compiled = output, *grads
    assert all(torch.equal(a, b) for a, b in zip(compiled, (output, *grads), strict=True))


@pytest.mark.parametrize("direction", ["fprop", "dgrad", "wgrad"])
def test_operators_that_bring_the_table(direction: str) -> None:
    made = multipliers.from_function(cut, format="float32", mantissa_bits=3)
    input, weight, grad_output = torch.randn(2, 3, 5, 6), torch.randn(4, 3, 3, 3), None
    if direction != "fprop":
        grad_output = torch.randn(2, 4, 3, 4)
    first = (input, weight, None) if grad_output is None else (grad_output, input, weight)
    args = *first, [1, 1], [0, 0], [1, 1], 1, "exact", "float32", made.mantissa_table
    name = f"approx_conv2d_{direction}"
    op = getattr(torch.ops.convwright, f"{name}_with_table").default
    assert torch.equal(op(*args), getattr(torch.ops.convwright, name)(*args))
    torch.library.opcheck(op, args, test_utils=("test_schema", "test_faketensor"))


@pytest.mark.parametrize("number_format", ["float32", "bfloat16"])
@pytest.mark.parametrize("backward", ["ste", "approx"])
def test_a_layer_multiplies_by_the_table(number_format: str, backward: str) -> None:
    torch.manual_seed(0)
    made = multipliers.from_function(cut, format="float32", mantissa_bits=5)
    layer = convwright.nn.ApproxLinear(
        7, 5, multiplier=made, number_format=number_format, backward=backward
    )
    x = torch.randn(3, 7, requires_grad=True)
    if number_format == "bfloat16":
        operands = [
            (t.detach().view(torch.int32) & -65536).view(torch.float32) for t in (x, layer.weight)
        ]
    else:
        operands = [x.detach(), layer.weight.detach()]
    products = reference(operands[0][:, None], operands[1][None], made)
    total = layer.bias.detach().expand(3, 5)
    for k in range(7):
        total = total + products[..., k]
    output = layer(x)
    assert torch.equal(output, total)
    output.sum().backward()
    assert x.grad.shape == x.shape
    assert torch.isfinite(layer.weight.grad).all()


def test_vmap_takes_a_table() -> None:
    made = multipliers.from_function(cut, format="float32", mantissa_bits=3)
    layer = convwright.nn.ApproxConv2d(2, 3, 3, multiplier=made)
    images = torch.randn(4, 1, 2, 6, 6)
    expected = torch.stack([layer(image) for image in images])
    assert torch.equal(torch.vmap(layer)(images), expected)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: multipliers.from_function(cut, format="float32", mantissa_bits=12), "1 to 11"),
        (
            lambda: multipliers.from_function(lambda a, w: 4.0, format="float32", mantissa_bits=1),
            r"returned 4\.0 for \(1\.0, 1\.0\), it must return a number from 1 to less than 4",
        ),
        (
            lambda: multipliers.from_function(
                lambda a, w: float("nan"), format="float32", mantissa_bits=1
            ),
            "returned NaN",
        ),
        (
            lambda: multipliers.from_function(lambda a, w: 1 / 0, format="float32"),
            "raised ZeroDivisionError",
        ),
        (
            lambda: multipliers.from_table(np.zeros(17, np.int32), format="float32"),
            "has 4\\^m entries, m from 1 to 11, not 17",
        ),
        (
            lambda: multipliers.from_table(np.full(16, 1 << 24, np.int32), format="float32"),
            "entry 0 of the table of fractions is 16777216",
        ),
        (
            lambda: multipliers.from_table(np.zeros(16, np.int16), format="float32"),
            "holds int16, it must hold int32",
        ),
        (lambda: multipliers.from_table(np.zeros(16), format="bfloat16"), "format is 'bfloat16'"),
    ],
)
def test_bad_tables_are_one_sentence(call, text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        call()
    assert "\n" not in str(caught.value)
