# SPDX-License-Identifier: Apache-2.0
"""Kind `fused` reaches the operator and nothing else; its backward computes z again.

Where the operator library has no such operator, one written in Python stands in.
"""

from collections.abc import Iterator

import pytest
import torch
from separable_cases import FUNCTIONS, Case, assert_same, call, operands, results, two_steps

import convwright
from convwright import _fused
from convwright._separable_plan import DEPTHWISE_SEPARABLE, WEIGHTED_SUM

FORMS = {"wsum": WEIGHTED_SUM, "dwsep": DEPTHWISE_SEPARABLE}
SCHEMA = (
    "(Tensor input, Tensor pointwise, Tensor depthwise, Tensor? bias, int[2] stride, "
    "int[2] padding, int[2] dilation) -> Tensor"
)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    torch.compiler.reset()
    form = FORMS[request.param]
    library = None
    if not hasattr(torch.ops.convwright, form.fused_op):
        library = torch.library.Library("convwright", "FRAGMENT")
        library.define(form.fused_op + SCHEMA)

        def stand_in(input, pointwise, depthwise, bias, *geometry):
            weights = (pointwise, depthwise) if form is WEIGHTED_SUM else (depthwise, pointwise)
            return two_steps(request.param)(input, *weights, bias, *geometry)

        library.impl(form.fused_op, stand_in, "CPU")
        _fused.register(form)
    with convwright.force_kind("fused"):
        yield request.param
    if library is not None:
        library._destroy()


def test_forward_and_backward(form: str) -> None:
    case = Case(form, stride=(2, 1))
    tensors = operands(case)
    expected = results(two_steps(form), case, tensors)
    assert_same(results(FUNCTIONS[form], case, tensors), expected, case)
    compiled = torch.compile(FUNCTIONS[form], fullgraph=True, backend="aot_eager")
    assert_same(results(compiled, case, tensors), expected, f"compiled, {case}")


def test_rows_of_explain(form: str) -> None:
    leaves = [t.requires_grad_() for t in operands(Case(form))]
    rows = convwright.explain(lambda *a: FUNCTIONS[form](*a), *leaves).rows
    assert (rows[0].kernel, rows[0].schedule) == ("fused", "z:recomputed")
    # Backward: z again, then the passes of two convolutions.
    ran = [row.direction for row in rows if row.kernel not in ("fused", "PyTorch")]
    assert ran[-5:] == ["fprop", "dgrad", "dgrad", "wgrad", "wgrad"]


@pytest.mark.parametrize(
    ("leaf", "backward"),
    [(0, ["dgrad", "dgrad"]), (1, ["dgrad", "wgrad"]), (2, ["fprop", "wgrad"])],
    ids=["input", "first", "second"],
)
def test_backward_computes_z_only_where_its_values_are_read(
    form: str, leaf: int, backward: list[str]
) -> None:
    leaves = operands(Case(form))

    def directions() -> list[str]:
        rows = convwright.explain(lambda *a: FUNCTIONS[form](*a), *leaves).rows
        return [row.direction for row in rows if row.kernel not in ("fused", "PyTorch")]

    forward = directions()
    leaves[leaf].requires_grad_()
    assert directions() == forward + backward


def test_double_backward_and_transforms(form: str) -> None:
    case = Case(form)
    tensors = operands(case)
    for compute in (
        lambda f: torch.func.grad(lambda w: call(f, case, [tensors[0], w, *tensors[2:]]).sum())(
            tensors[1]
        ),
        lambda f: torch.vmap(lambda x: call(f, case, [x, *tensors[1:]]))(tensors[0][:, None]),
        lambda f: _second_order(f, case),
    ):
        assert torch.equal(compute(FUNCTIONS[form]), compute(two_steps(form)))


def _second_order(function, case: Case) -> torch.Tensor:
    leaves = [t.requires_grad_() for t in operands(case)]
    output = call(function, case, leaves)
    (grad,) = torch.autograd.grad(output.sum(), leaves[0], create_graph=True)
    return torch.autograd.grad((grad**2).sum(), leaves[1])[0]


def test_opcheck(form: str) -> None:
    input, first, second, bias = (t.requires_grad_() for t in operands(Case(form)))
    pointwise, depthwise = (first, second) if form == "wsum" else (second, first)
    pointwise = pointwise.detach()[:, :, None, None].requires_grad_()
    args = (input, pointwise, depthwise, bias, [2, 1], [1, 1], [1, 1])
    op = getattr(torch.ops.convwright, FORMS[form].fused_op).default
    torch.library.opcheck(op, args)
