# SPDX-License-Identifier: Apache-2.0
"""torch.compile, torch.export, FX, fake tensors and torch.jit.trace."""

import pytest
import torch
import torch.nn.functional as F
from cases import Case, gradients, tensors
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

import convwright
from convwright.functional import conv2d

FPROP = torch.ops.convwright.conv2d_fprop.default


@pytest.fixture(autouse=True)
def _no_compiled_code_left() -> None:
    torch.compiler.reset()


def compiled(function, **options):
    # aot_eager traces forward and backward as every backend does, and needs no C++ compiler.
    return torch.compile(function, fullgraph=True, backend="aot_eager", **options)


@pytest.mark.parametrize("format", ["nchw", "nhwc"])
def test_forward_and_backward(format: str) -> None:
    t = tensors(Case(channels=(4, 6), groups=2, stride=(2, 1)), format, format)
    actual = gradients(compiled(conv2d), t)
    assert all(map(torch.equal, actual, gradients(F.conv2d, t)))


def test_one_graph_serves_every_batch_size() -> None:
    t = tensors(Case(batch=2))
    counter = CompileCounterWithBackend("aot_eager")
    layer = torch.compile(conv2d, fullgraph=True, backend=counter, dynamic=True)
    for batch in (2, 3, 8):
        input = t.input[:1].expand(batch, -1, -1, -1).contiguous().requires_grad_()
        output = layer(input, t.weight, t.bias, 1, 1)
        assert torch.equal(output, F.conv2d(input, t.weight, t.bias, 1, 1))
        output.sum().backward()
        assert input.grad.shape == input.shape
    assert counter.frame_count == 1


def test_graph_holds_our_operators() -> None:
    t = tensors(Case()).requires_grad_()
    graph = make_fx(lambda *a: torch.autograd.grad(conv2d(*a).sum(), a))(*t.operands)
    targets = {str(node.target) for node in graph.graph.nodes}
    directions = {f"convwright.conv2d_{d}.default" for d in ("fprop", "dgrad", "wgrad")}
    assert directions <= targets


@pytest.mark.parametrize(
    "call",
    [
        lambda conv2d, x, w, b: conv2d(x, w, b, padding="same"),
        lambda conv2d, x, w, b: conv2d(x[0], w, b, padding="valid"),
        lambda conv2d, x, w, b: conv2d(x.double(), w.double()),
        lambda conv2d, x, w, b: torch.vmap(lambda y: conv2d(y, w, b))(x[:, None]),
        lambda conv2d, x, w, b: torch.func.grad(lambda v: conv2d(x, v).square().sum())(w),
        lambda conv2d, x, w, b: torch.func.jvp(lambda v: conv2d(x, v), (w,), (w + 1,))[1],
    ],
    ids=["same", "unbatched", "float64", "vmap", "grad", "jvp"],
)
def test_compiled_forms(call) -> None:
    t = tensors(Case())
    actual = compiled(lambda *operands: call(conv2d, *operands))(*t.operands)
    torch.testing.assert_close(actual, call(F.conv2d, *t.operands))


def test_autocast_inside_compiled_code() -> None:
    t = tensors(Case())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = compiled(conv2d)(*t.operands)
    assert actual.dtype == torch.bfloat16


@pytest.mark.parametrize("strict", [False, True])
def test_export(strict: bool) -> None:
    layer = convwright.nn.Conv2d(3, 4, 3, padding=1)
    t = tensors(Case())
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(layer, (t.input,), dynamic_shapes=({0: batch},), strict=strict)
    assert FPROP in [node.target for node in program.graph.nodes]
    larger = torch.cat([t.input, t.input])
    assert torch.equal(program.module()(larger), layer(larger))


def test_symbolic_trace_records_one_call() -> None:
    layer = convwright.nn.Conv2d(3, 4, 3, padding="same", padding_mode="reflect")
    traced = torch.fx.symbolic_trace(layer)
    assert [n.target for n in traced.graph.nodes if n.op == "call_function"] == [F.pad, conv2d]
    t = tensors(Case())
    assert torch.equal(traced(t.input), layer(t.input))


@pytest.mark.parametrize("requires_grad", [False, True])
def test_fake_tensors(requires_grad: bool) -> None:
    t = tensors(Case(), "nhwc")
    with FakeTensorMode() as mode:
        operands = [mode.from_tensor(x).requires_grad_(requires_grad) for x in t.operands]
        fake = conv2d(*operands, 1, 1)
        if requires_grad:
            fake.sum().backward()
            assert operands[0].grad.shape == t.input.shape
    real = conv2d(*t.operands, 1, 1)
    assert (fake.shape, fake.stride()) == (real.shape, real.stride())


def test_meta_tensors() -> None:
    t = tensors(Case())
    assert conv2d(*(x.to("meta") for x in t.operands), 1, 1).shape == t.grad_output.shape


def test_jit_trace_gives_a_graph_of_pytorchs_own() -> None:
    layer = convwright.nn.Conv2d(3, 4, 3)
    t = tensors(Case())
    traced = torch.jit.trace(layer, t.input)
    assert "aten::_convolution" in str(traced.inlined_graph)
    assert torch.equal(traced(t.input), F.conv2d(t.input, layer.weight, layer.bias))
