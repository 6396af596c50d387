# SPDX-License-Identifier: Apache-2.0
"""conv2d_relu and Conv2dReLU: a convolution and its ReLU, tolerance 0."""

import pytest
import torch
import torch.nn.functional as F
from cases import NOT_EMPTY, Case, assert_same, gradients, memory_order, tensors

import convwright
from convwright.functional import conv2d_relu


def two_steps(*args, **kwargs) -> torch.Tensor:
    return F.conv2d(*args, **kwargs).relu()


@pytest.mark.parametrize("case", NOT_EMPTY[::3], ids=str)
@pytest.mark.parametrize("format", ["nchw", "nhwc"])
def test_equals_two_steps(case: Case, format: str, device: str) -> None:
    t = tensors(case, format, format).to(device)
    actual = gradients(conv2d_relu, t)
    assert_same(t, actual, gradients(two_steps, t.double()))
    torchs = gradients(two_steps, tensors(case, format, format).to(device))
    assert [memory_order(x) for x in actual] == [memory_order(x) for x in torchs]


def test_backward_keeps_the_output_alone() -> None:
    t = tensors(Case()).requires_grad_()
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        output = conv2d_relu(*t.operands)
    assert {x.data_ptr() for x in kept} == {x.data_ptr() for x in (t.input, t.weight, output)}


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x, w, b: f(x[0], w, b, padding="same"),
        lambda f, x, w, b: f(x.double(), w.double(), b.double()),
        lambda f, x, w, b: torch.func.grad(lambda v: f(x, v, b).square().sum())(w),
        lambda f, x, w, b: torch.vmap(lambda v: f(v, w, b))(x[:, None]),
        lambda f, x, w, b: torch.func.jvp(lambda v: f(x, v, b), (w,), (w + 1,))[1],
    ],
    ids=["same, unbatched", "float64", "grad", "vmap", "jvp"],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_other_ways(call, compiled: bool) -> None:
    torch.compiler.reset()
    operands = tensors(Case()).operands

    def run(*operands: torch.Tensor) -> torch.Tensor:
        return call(conv2d_relu, *operands)

    if compiled:
        run = torch.compile(run, fullgraph=True, backend="aot_eager")
    assert torch.equal(run(*operands), call(two_steps, *operands))


def test_double_backward() -> None:
    seen = []
    for function in (conv2d_relu, two_steps):
        t = tensors(Case()).requires_grad_()
        grads = torch.autograd.grad(
            function(*t.operands).square().sum(), t.leaves(), create_graph=True
        )
        seen.append(torch.autograd.grad(sum(g.square().sum() for g in grads), t.leaves()))
    torch.testing.assert_close(*seen)


def test_errors_are_conv2ds() -> None:
    t = tensors(Case())
    with pytest.raises(RuntimeError, match="to have 2 channels, but got 3 channels instead"):
        conv2d_relu(t.input, t.weight[:, :2])


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_layer(mode: str) -> None:
    layer = convwright.nn.Conv2dReLU(3, 4, 3, padding=1, padding_mode=mode)
    plain = torch.nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode)
    plain.load_state_dict(layer.state_dict())
    input = torch.randn(2, 3, 7, 7)
    torch.testing.assert_close(layer(input), plain(input).relu())
    rows = convwright.explain(torch.nn.Sequential(layer), input).rows
    assert [(row.layer, row.direction) for row in rows] == [("0", "fprop"), ("0", "wgrad")]
