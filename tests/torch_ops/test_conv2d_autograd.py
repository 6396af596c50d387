# SPDX-License-Identifier: Apache-2.0
"""Derivatives of every order and mode, and torch.func."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from cases import Case, tensors
from torch.autograd import forward_ad, gradcheck, gradgradcheck

from convwright._functions import DIFFERENTIABLE, conv2d_eager, conv2d_relu_eager
from convwright.functional import conv2d

SMALL = [
    Case(channels=(2, 2), size=(3, 4), kernel=(2, 3), batch=1),
    Case(channels=(2, 4), size=(4, 3), stride=(2, 1), groups=2, batch=2),
    Case(channels=(1, 1), size=(4, 4), kernel=(2, 2), dilation=(2, 2), batch=1, bias=False),
]
# conv2d is linear in each operand, so a central difference is exact with any step: on integers a
# step of 1 lets float32 be checked as sharply as float64.
EXACT_STEP = {"eps": 1.0, "atol": 1e-3, "rtol": 1e-4}


@pytest.mark.parametrize("case", SMALL, ids=str)
@pytest.mark.filterwarnings("ignore:Input #. requires gradient and is not a double precision")
class TestGradcheck:
    def test_first_order(self, case: Case, device: str) -> None:
        t = tensors(case).to(device).requires_grad_()
        function = partial(_call, conv2d, case)
        assert gradcheck(
            function,
            t.leaves(),
            check_forward_ad=True,
            check_batched_grad=True,
            check_batched_forward_grad=True,
            **EXACT_STEP,
        )

    def test_second_order(self, case: Case, device: str) -> None:
        t = tensors(case).to(device).requires_grad_()
        function = partial(_call, conv2d, case)
        grad_output = t.grad_output.requires_grad_()
        assert gradgradcheck(
            function,
            t.leaves(),
            grad_output,
            check_fwd_over_rev=True,
            check_rev_over_rev=True,
            check_batched_grad=True,
            **EXACT_STEP,
        )


def _call(convolution, case: Case, input, weight, bias=None):
    return convolution(input, weight, bias, *case.geometry)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_third_order(case: Case, device: str) -> None:
    results = []
    for convolution in (conv2d, F.conv2d):
        t = tensors(case).to(device).requires_grad_()
        values = _call(convolution, case, *t.leaves())
        for _ in range(3):
            grads = torch.autograd.grad((values**2).sum(), t.leaves()[:2], create_graph=True)
            values = sum(g.sum() for g in grads)
        results.append(values.detach())
    torch.testing.assert_close(*results)


def test_dual_numbers_without_grad_mode() -> None:
    tangents = []
    for convolution in (conv2d, F.conv2d):
        t = tensors(Case())
        with torch.no_grad(), forward_ad.dual_level():
            duals = [forward_ad.make_dual(x, x + 1) for x in t.leaves()]
            tangents.append(forward_ad.unpack_dual(convolution(*duals, 1, 1)).tangent)
    assert torch.equal(*tangents)


def test_dual_level_around_backward_only() -> None:
    tangents = []
    for convolution in (conv2d, F.conv2d):
        t = tensors(Case()).requires_grad_()
        output = convolution(*t.operands, 1, 1)
        with forward_ad.dual_level():
            grad_output = forward_ad.make_dual(t.grad_output, t.grad_output + 1)
            grads = torch.autograd.grad(output, t.leaves(), grad_output)
            tangents.append([forward_ad.unpack_dual(g).tangent for g in grads])
    assert all(map(torch.equal, *tangents))


def _loss(convolution, *operands):
    return (convolution(*operands, (1, 1), 1) ** 2).sum()


TRANSFORMS = {
    "grad": lambda f: torch.func.grad(f, argnums=(0, 1, 2)),
    "grad of grad": lambda f: torch.func.grad(
        lambda *a: torch.func.grad(f, argnums=1)(*a).sum(), argnums=(0, 1)
    ),
    "jacrev": lambda f: torch.func.jacrev(f, argnums=(0, 1)),
    "jacfwd": lambda f: torch.func.jacfwd(f, argnums=(1, 2)),
    "hessian": lambda f: torch.func.hessian(f, argnums=1),
    "jvp": lambda f: lambda *a: torch.func.jvp(f, a, tuple(x + 1 for x in a)),
    "linearize": lambda f: lambda *a: torch.func.linearize(f, *a)[1](*a),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node")  # torch.func.linearize
def test_torch_func(name: str, device: str) -> None:
    t = tensors(Case(channels=(2, 2), size=(3, 4), kernel=(2, 2), batch=1)).to(device)
    results = [TRANSFORMS[name](partial(_loss, c))(*t.operands) for c in (conv2d, F.conv2d)]
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    "dims",
    [(0, None, None), (None, 1, None), (None, None, 0), (2, 0, None), (0, 0, 0), (None, 3, 1)],
)
@pytest.mark.parametrize("differentiated", [None, 0, 1, 2])
def test_vmap(dims: tuple[int | None, ...], groups: int, differentiated: int | None) -> None:
    t = tensors(Case(channels=(4, 6), groups=groups))
    operands = [
        x if dim is None else torch.stack([x, x + 1, -x], dim)
        for x, dim in zip(t.operands, dims, strict=True)
    ]
    results = []
    for convolution in (conv2d, F.conv2d):
        function = partial(_call, convolution, t.case)
        if differentiated is not None:
            function = torch.func.grad(partial(_square_sum, function), argnums=differentiated)
        results.append(torch.vmap(function, dims)(*operands))
    torch.testing.assert_close(*results)


def _square_sum(function, *operands):
    return (function(*operands) ** 2).sum()


def test_vmap_of_vmap() -> None:
    t = tensors(Case())
    inputs = torch.stack([t.input, t.input + 1])
    weights = torch.stack([t.weight, -t.weight, 2 * t.weight])
    results = []
    for convolution in (conv2d, F.conv2d):
        function = torch.vmap(lambda x, w, c=convolution: c(x, w, t.bias), (None, 0))
        results.append(torch.vmap(function, (0, None))(inputs, weights))
    assert torch.equal(*results)


def test_jacobian_by_batched_backward() -> None:
    t = tensors(Case(size=(3, 3)))
    results = [
        torch.autograd.functional.jacobian(lambda w, c=c: c(t.input, w), t.weight, vectorize=True)
        for c in (conv2d, F.conv2d)
    ]
    assert torch.equal(*results)


def test_a_tensor_that_outlived_its_transform() -> None:
    t = tensors(Case())
    escaped = []
    torch.func.grad(lambda x: (escaped.append(x), x.sum())[1])(t.input)
    for weight in (t.weight, t.weight.clone().requires_grad_()):
        assert torch.equal(conv2d(escaped[0], weight), F.conv2d(t.input, weight))


@pytest.mark.parametrize("view", [torch._neg_view, lambda x: torch._efficientzerotensor(x.shape)])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_lazy_tensors(view, requires_grad: bool) -> None:
    t = tensors(Case())
    input, weight = view(t.input), t.weight.requires_grad_(requires_grad)
    assert torch.equal(conv2d(input, weight), F.conv2d(input.clone(), weight))


def test_weight_changed_before_backward_is_reported() -> None:
    t = tensors(Case()).requires_grad_()
    output = conv2d(*t.operands)
    with torch.no_grad():
        t.weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_inference_mode() -> None:
    t = tensors(Case()).requires_grad_()
    with torch.inference_mode():
        output = conv2d(*t.operands)
    assert output.is_inference()
    assert torch.equal(output, F.conv2d(*t.operands))


def test_checkpoint_recomputes() -> None:
    t = tensors(Case()).requires_grad_()
    output = torch.utils.checkpoint.checkpoint(conv2d, *t.operands, use_reentrant=False)
    actual = torch.autograd.grad(output.sum(), t.leaves())
    expected = torch.autograd.grad(F.conv2d(*t.operands).sum(), t.leaves())
    assert all(map(torch.equal, actual, expected))


@pytest.mark.parametrize("function", [conv2d_eager, conv2d_relu_eager, DIFFERENTIABLE.fprop])
def test_lists_of_the_caller_may_change_before_backward(function) -> None:
    t = tensors(Case(stride=(2, 1))).requires_grad_()
    geometry = [[*pair] for pair in t.case.geometry[:3]]
    output = function(*t.operands, *geometry, 1)
    for pair in geometry:
        pair[:] = (3, 3)
    found = torch.autograd.grad(output, t.leaves(), t.grad_output)
    output = function(*t.operands, *t.case.geometry)
    assert all(map(torch.equal, found, torch.autograd.grad(output, t.leaves(), t.grad_output)))
