# SPDX-License-Identifier: Apache-2.0
"""Weighted sums under higher derivatives, torch.func, compilers and fake tensors."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from separable_cases import (
    FUNCTIONS,
    Case,
    assert_same,
    call,
    kinds,
    operands,
    results,
    two_steps,
)
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.fx.experimental.proxy_tensor import make_fx

import convwright
from convwright.functional import weighted_sum_conv2d

SMALL = [
    Case(channels=(2, 2), size=(3, 4), kernel=(2, 3), batch=1),
    Case(channels=(1, 2), size=(4, 4), kernel=(2, 2), stride=(2, 1), batch=1, bias=False),
]
# Linear in each operand: a central difference is exact with any step, in float32 too.
EXACT_STEP = {"eps": 1.0, "atol": 1e-2, "rtol": 1e-4}


@pytest.fixture(autouse=True)
def _no_compiled_code_left() -> None:
    torch.compiler.reset()


@pytest.fixture(params=[(form, kind) for form in FUNCTIONS for kind in kinds(form)], ids="-".join)
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each form in turn, with each kind forced."""
    form, kind = request.param
    with convwright.force_kind(kind):
        yield form


def case_of(form: str, **changes) -> Case:
    return Case(form, **{"channels": (2, 2), "size": (3, 4), "kernel": (2, 2), **changes})


@pytest.mark.parametrize("case", SMALL, ids=str)
@pytest.mark.filterwarnings("ignore:Input #. requires gradient and is not a double precision")
def test_gradcheck(form: str, case: Case) -> None:
    case = Case(**{**vars(case), "form": form})
    leaves = [t.requires_grad_() for t in operands(case)]

    def function(*tensors):
        return call(FUNCTIONS[form], case, tensors)

    options = {"check_forward_ad": True, "check_batched_grad": True, **EXACT_STEP}
    assert gradcheck(function, leaves, **options)
    options = {"check_fwd_over_rev": True, "check_batched_grad": True, **EXACT_STEP}
    grad_output = torch.ones_like(function(*leaves)).requires_grad_()
    assert gradgradcheck(function, leaves, grad_output, **options)


def test_gradgradcheck_by_pytorch(form: str) -> None:
    case = case_of(form, batch=1)
    leaves = [t.double().requires_grad_() for t in operands(case)]
    assert gradgradcheck(lambda *a: call(FUNCTIONS[form], case, a), leaves)


def test_third_order(form: str) -> None:
    case = case_of(form)
    seen = []
    for function in (FUNCTIONS[form], two_steps(form)):
        leaves = [t.requires_grad_() for t in operands(case)]
        values = call(function, case, leaves)
        for _ in range(3):
            grads = torch.autograd.grad((values**2).sum(), leaves[:3], create_graph=True)
            values = sum(g.sum() for g in grads)
        seen.append(values.detach())
    torch.testing.assert_close(*seen)


def test_batched_backward_with_parameters_of_any_strides(form: str) -> None:
    input, *weights = operands(case_of(form, channels=(2, 3)))
    leaves = [w.transpose(0, -1).contiguous().transpose(0, -1).requires_grad_() for w in weights]
    output = FUNCTIONS[form](input, *leaves)
    batch = torch.stack([torch.ones_like(output), output.detach()])
    options = {"retain_graph": True, "is_grads_batched": True}
    batched = torch.autograd.grad(output, leaves, batch, **options)
    for i in range(2):
        single = torch.autograd.grad(output, leaves, batch[i], retain_graph=True)
        assert all(torch.equal(ours[i], one) for ours, one in zip(batched, single, strict=True))


def test_dual_numbers(form: str) -> None:
    tangents = []
    for function in (FUNCTIONS[form], two_steps(form)):
        with torch.no_grad(), forward_ad.dual_level():
            duals = [forward_ad.make_dual(x, x + 1) for x in operands(Case(form))]
            tangents.append(forward_ad.unpack_dual(function(*duals, 1, 1)).tangent)
    assert torch.equal(*tangents)


def _loss(function, *tensors):
    return (function(*tensors, 1, 1) ** 2).sum()


TRANSFORMS = {
    "grad": lambda f: torch.func.grad(f, argnums=(0, 1, 2, 3)),
    "grad of grad": lambda f: torch.func.grad(
        lambda *a: torch.func.grad(f, argnums=1)(*a).sum(), argnums=(0, 2)
    ),
    "hessian": lambda f: torch.func.hessian(f, argnums=1),
    "jacrev": lambda f: torch.func.jacrev(f, argnums=2),
    "jvp": lambda f: lambda *a: torch.func.jvp(f, a, tuple(x + 1 for x in a)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_torch_func(name: str, form: str) -> None:
    tensors = operands(case_of(form))
    seen = [
        TRANSFORMS[name](partial(_loss, f))(*tensors) for f in (FUNCTIONS[form], two_steps(form))
    ]
    torch.testing.assert_close(*seen)


@pytest.mark.parametrize(
    "dims", [(0, None, None, None), (None, 1, 0, None), (None, None, 3, 0), (2, 0, 0, 0)]
)
def test_vmap(dims: tuple, form: str) -> None:
    stacked = [
        t if dim is None else torch.stack([t, t + 1], min(dim, t.dim()))
        for t, dim in zip(operands(case_of(form)), dims, strict=True)
    ]
    dims = tuple(
        None if dim is None else min(dim, t.dim() - 1) for t, dim in zip(stacked, dims, strict=True)
    )
    for differentiate in (lambda f: f, lambda f: torch.func.grad(partial(_loss, f), argnums=2)):
        seen = [
            torch.vmap(differentiate(f), dims)(*stacked) for f in (FUNCTIONS[form], two_steps(form))
        ]
        torch.testing.assert_close(*seen)


def test_explain_inside_vmap(form: str) -> None:
    input, *rest = operands(Case(form))
    inputs = torch.stack([input, input])
    rows = convwright.explain(torch.vmap(lambda x: FUNCTIONS[form](x, *rest)), inputs).rows
    assert rows[0].problem.split("_")[:2][0].endswith("2d:fprop")


def test_compiled_forward_and_backward(form: str) -> None:
    for format in ("nchw", "nhwc"):
        case = Case(form, channels=(4, 6), stride=(2, 1))
        compiled = torch.compile(FUNCTIONS[form], fullgraph=True, backend="aot_eager")
        tensors = operands(case, format, format)
        expected = results(two_steps(form), case, tensors)
        assert_same(results(compiled, case, tensors), expected, (case, format))


def test_one_graph_serves_every_batch_size(form: str) -> None:
    input, *rest = operands(Case(form))
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(FUNCTIONS[form], fullgraph=True, backend=counter, dynamic=True)
    for batch in (2, 3, 8):
        larger = input[:1].expand(batch, -1, -1, -1).contiguous().requires_grad_()
        output = compiled(larger, *rest, 1, 1)
        assert torch.equal(output, two_steps(form)(larger, *rest, 1, 1))
        output.sum().backward()
        assert larger.grad.shape == larger.shape
    assert counter.frame_count == 1


def test_a_forced_kind_is_part_of_compiled_code() -> None:
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(weighted_sum_conv2d, fullgraph=True, backend=counter)
    tensors = operands(Case())
    for kind in ("unfused", "composed", "unfused"):
        with convwright.force_kind(kind):
            compiled(*tensors)
    ours = [
        [str(n.target) for n in graph.graph.nodes].count("convwright.conv2d_fprop.default")
        for graph in counter.graphs
    ]
    assert ours == [2, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda f, x, a, b, c: f(x, a, b, c, padding="same"),
        lambda f, x, a, b, c: f(x[0], a, b, c, padding="valid"),
        lambda f, x, a, b, c: f(x.double(), a.double(), b.double(), c.double()),
        lambda f, x, a, b, c: torch.vmap(lambda y: f(y, a, b, c))(x[:, None]),
        lambda f, x, a, b, c: torch.func.grad(lambda v: f(x, a, v).square().sum())(b),
        lambda f, x, a, b, c: torch.func.jvp(lambda v: f(x, v, b), (a,), (a + 1,))[1],
    ],
    ids=["same", "unbatched", "float64", "vmap", "grad", "jvp"],
)
def test_compiled_forms(form: str, change) -> None:
    tensors = operands(Case(form))
    compiled = torch.compile(
        lambda *a: change(FUNCTIONS[form], *a), fullgraph=True, backend="aot_eager"
    )
    torch.testing.assert_close(compiled(*tensors), change(two_steps(form), *tensors))


def test_graph_holds_our_operators() -> None:
    leaves = [t.requires_grad_() for t in operands(Case())]
    graph = make_fx(lambda *a: torch.autograd.grad(weighted_sum_conv2d(*a).sum(), a))(*leaves)
    targets = {str(node.target) for node in graph.graph.nodes}
    assert {f"convwright.conv2d_{d}.default" for d in ("fprop", "dgrad", "wgrad")} <= targets


def test_fake_tensors(form: str) -> None:
    case = Case(form)
    real = results(FUNCTIONS[form], case, operands(case, "nhwc"))
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(t).requires_grad_() for t in operands(case, "nhwc")]
        output = call(FUNCTIONS[form], case, fakes)
        seen = [output, *torch.autograd.grad(output.sum(), fakes)]
    for fake, expected in zip(seen, real, strict=True):
        assert fake.shape == expected.shape
    assert seen[0].stride() == real[0].stride()


def test_meta_tensors(form: str) -> None:
    tensors = operands(Case(form))
    output = FUNCTIONS[form](*(t.to("meta") for t in tensors), 1, 1)
    assert output.shape == two_steps(form)(*tensors, 1, 1).shape


def test_symbolic_trace_records_one_call() -> None:
    layer = convwright.nn.WeightedSumConv2d(3, 4, 3, padding=1)
    traced = torch.fx.symbolic_trace(layer)
    calls = [n.target for n in traced.graph.nodes if n.op == "call_function"]
    assert calls == [weighted_sum_conv2d]
    input = operands(Case())[0]
    assert torch.equal(traced(input), layer(input))


@pytest.mark.parametrize("strict", [False, True])
def test_export(strict: bool) -> None:
    layer = convwright.nn.WeightedSumConv2d(3, 4, 3, padding=1)
    input = operands(Case())[0]
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(layer, (input,), dynamic_shapes=({0: batch},), strict=strict)
    larger = torch.cat([input, input])
    assert torch.equal(program.module()(larger), layer(larger))


def test_jit_trace_gives_a_graph_of_pytorchs_own() -> None:
    layer = convwright.nn.WeightedSumConv2d(3, 4, 3)
    input = operands(Case())[0]
    traced = torch.jit.trace(layer, input)
    assert "aten::_convolution" in str(traced.inlined_graph)
    torch.testing.assert_close(traced(input), layer(input))
