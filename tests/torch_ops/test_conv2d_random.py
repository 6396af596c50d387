# SPDX-License-Identifier: Apache-2.0
"""Random geometries and real values, within the rounding bound of a sum of K products."""

import pytest
import torch
import torch.nn.functional as F
from cases import FORMATS, Case, Tensors, assert_same, gradients, tensors
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from convwright.functional import conv2d

QUICK = settings(max_examples=25, deadline=None, derandomize=True, database=None)
THOROUGH = settings(QUICK, max_examples=1500)


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def random_cases(draw) -> Case:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 8]))
    per_group = draw(pairs(1, 18))
    case = Case(
        channels=(groups * per_group[0], groups * per_group[1]),
        size=draw(pairs(1, 20)),
        kernel=draw(pairs(1, 5)),
        stride=draw(pairs(1, 4)),
        padding=draw(pairs(0, 4)),
        dilation=draw(pairs(1, 3)),
        groups=groups,
        batch=draw(st.integers(1, 4)),
        bias=draw(st.booleans()),
    )
    spans = [d * (k - 1) + 1 for d, k in zip(case.dilation, case.kernel, strict=True)]
    assume(all(i + 2 * p >= s for i, p, s in zip(case.size, case.padding, spans, strict=True)))
    return case


def rounding_bounds(t: Tensors) -> tuple[Tensor, ...]:
    """Elementwise bound of float32 error: K * eps * (sum of |products|), whatever the order.

    Higham, Accuracy and Stability of Numerical Algorithms, section 3.1; 2 stands for the bias and
    for the rounding of the expected value.
    """
    case = t.case
    co, ci_per_group, kh, kw = t.weight.shape
    oh, ow = t.grad_output.shape[2:]
    products = [ci_per_group * kh * kw, co // case.groups * kh * kw, case.batch * oh * ow]
    products.append(products[2])  # the bias's gradient sums over the same positions
    wide = t.double()
    absolute = Tensors(
        *(None if x is None else x.abs() for x in (*wide.operands, wide.grad_output)), case
    )
    sums = gradients(F.conv2d, absolute)
    eps = torch.finfo(torch.float32).eps
    return tuple((k + 2) * eps * total for k, total in zip(products, sums, strict=False))


def check_random(case: Case, formats: tuple[str, str], device: str) -> None:
    t = tensors(case, *formats, draw=torch.randn).to(device)
    expected = gradients(F.conv2d, t.double())
    # Dividing by the bound makes one tolerance fit every element: |actual - expected| <= bound.
    bounds = [bound.clamp_min(1e-30) for bound in rounding_bounds(t)]
    actual = gradients(conv2d, t)
    scaled = [
        tuple(x.double() / bound for x, bound in zip(results, bounds, strict=True))
        for results in (actual, expected)
    ]
    assert_same(t, *scaled, atol=1)


formats = st.tuples(st.sampled_from(list(FORMATS)), st.sampled_from(list(FORMATS)))


@QUICK
@given(random_cases(), formats)
def test_random_geometries(device: str, case: Case, formats: tuple[str, str]) -> None:
    check_random(case, formats, device)


@pytest.mark.slow
@THOROUGH
@given(random_cases(), formats)
def test_many_random_geometries(device: str, case: Case, formats: tuple[str, str]) -> None:
    check_random(case, formats, device)
