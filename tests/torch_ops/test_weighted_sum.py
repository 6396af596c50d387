# SPDX-License-Identifier: Apache-2.0
"""weighted_sum_conv2d and depthwise_separable_conv2d equal PyTorch's two steps, tolerance 0."""

import functools
import itertools
from dataclasses import replace

import pytest
import torch
from cases import FORMATS
from separable_cases import (
    CASES,
    FORMS_AND_KINDS,
    FUNCTIONS,
    Case,
    assert_same,
    assert_same_order,
    call,
    operands,
    results,
    two_steps,
)

import convwright
from convwright import _kinds

BOTH = list(itertools.product(FORMATS, FORMATS))
PADDING_WARNING = "ignore:Using padding='same' with even kernel lengths"


@functools.cache
def expected(case: Case) -> list[torch.Tensor]:
    """Output and gradients by PyTorch in float64, which are the same in every format."""
    return results(two_steps(case.form), case, [t.double() for t in operands(case)])


@pytest.mark.filterwarnings(PADDING_WARNING)
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("form", "kind"), FORMS_AND_KINDS)
def test_equals_two_steps(form: str, kind: str, case: Case) -> None:
    case = replace(case, form=form)
    for input_format, weight_format in BOTH:
        tensors = operands(case, input_format, weight_format)
        with convwright.force_kind(kind):
            actual = results(FUNCTIONS[form], case, tensors)
        note = f"{case}, {kind}, input {input_format}, weights {weight_format}"
        assert_same(actual, expected(case), note)
        with torch.no_grad(), convwright.force_kind(kind):
            assert_same([call(FUNCTIONS[form], case, tensors)], expected(case), f"{note}, no grad")


@pytest.mark.parametrize(
    "case", [Case(), Case(stride=(2, 1)), Case(channels=(16, 8)), Case(kernel=(5, 4))], ids=str
)
@pytest.mark.parametrize(("form", "kind"), FORMS_AND_KINDS)
def test_strides_are_those_of_two_steps(form: str, kind: str, case: Case) -> None:
    case = replace(case, form=form)
    for input_format, weight_format in BOTH:
        tensors = operands(case, input_format, weight_format)
        with convwright.force_kind(kind):
            actual = results(FUNCTIONS[form], case, tensors)
        note = f"{case}, {kind}, input {input_format}, weights {weight_format}"
        assert_same_order(actual, results(two_steps(form), case, tensors), note)


@pytest.mark.parametrize(("form", "kind"), FORMS_AND_KINDS)
def test_gradients_have_the_strides_of_any_parameter(form: str, kind: str) -> None:
    case = Case(form, channels=(5, 6))
    input, *weights = operands(case)
    for layout in (
        lambda w: w.transpose(0, -1).contiguous().transpose(0, -1),  # dense, another order
        lambda w: w.reshape(*w.shape[:2], 1, 1) if w.dim() == 2 else w[:, 0] if w.dim() == 4 else w,
    ):
        tensors = [input, *map(layout, weights)]
        with convwright.force_kind(kind):
            actual = results(FUNCTIONS[form], case, tensors)
        for gradient, tensor in zip(actual[1:], tensors, strict=True):
            assert (gradient.shape, gradient.stride()) == (tensor.shape, tensor.stride())
        assert_same(
            [t.flatten() for t in actual], [t.flatten() for t in expected(case)], (case, kind)
        )


@pytest.mark.parametrize(("form", "kind"), FORMS_AND_KINDS)
def test_any_strides_of_operands(form: str, kind: str) -> None:
    case = Case(form, channels=(8, 8), stride=(2, 2))
    for layout in (
        lambda t: t[:1].expand_as(t),
        lambda t: t.repeat_interleave(2, dim=-1)[..., ::2],
        lambda t: torch.cat([t.new_ones(3), t.flatten()])[3:].view(t.shape),
    ):
        tensors = [layout(t) for t in operands(case)]
        with convwright.force_kind(kind):
            actual = results(FUNCTIONS[form], case, tensors)
        wide = results(two_steps(form), case, [t.double() for t in tensors])
        assert_same(actual, wide, (case, kind))


@pytest.mark.parametrize(("form", "kind"), FORMS_AND_KINDS)
def test_gradients_of_some_leaves(form: str, kind: str) -> None:
    case = Case(form)
    directions = {
        # By kind and leaf: how many passes of (dgrad, wgrad) its gradient alone takes.
        "composed": {0: (1, 0), 1: (0, 1), 2: (0, 1), 3: (0, 0)},
        "unfused": {0: (2, 0), 1: (1, 1), 2: (0, 1), 3: (0, 0)},
    }
    for needed in itertools.product([False, True], repeat=4):
        leaves = operands(case)
        for leaf, need in zip(leaves, needed, strict=True):
            leaf.requires_grad_(need)
        with convwright.force_kind(kind):
            output = call(FUNCTIONS[form], case, leaves)
            assert output.requires_grad == any(needed)
            if not any(needed):
                continue
            output.backward(torch.ones_like(output))
        wide = [t.detach().double().requires_grad_() for t in leaves]
        call(two_steps(form), case, wide).sum().backward()
        for ours, torchs, need in zip(leaves, wide, needed, strict=True):
            assert (ours.grad is not None) == need, needed
            if need:
                assert torch.equal(ours.grad, torchs.grad.float()), needed
        if sum(needed) == 1 and kind in directions:
            with convwright.force_kind(kind):
                rows = convwright.explain(lambda *a, f=form: call(FUNCTIONS[f], case, a), *leaves)
            ran = [row.direction for row in rows.rows]
            counts = ran.count("dgrad"), ran.count("wgrad")
            assert counts == directions[kind][needed.index(True)], needed


@pytest.mark.parametrize("form", FUNCTIONS)
def test_unbatched(form: str) -> None:
    case = Case(form)
    input, *rest = operands(case)
    actual = results(FUNCTIONS[form], case, [input[0], *rest])
    wide = results(two_steps(form), case, [t.double() for t in (input[0], *rest)])
    assert_same(actual, wide, case)


@pytest.mark.parametrize("integer", [lambda n: (n,), lambda n: [n, n], torch.tensor])
@pytest.mark.parametrize("form", FUNCTIONS)
def test_every_form_of_integer_that_torch_takes(form: str, integer) -> None:
    args = *operands(Case(form)), integer(2), integer(1), integer(1)
    assert torch.equal(FUNCTIONS[form](*args), two_steps(form)(*args))


@pytest.mark.parametrize("form", FUNCTIONS)
def test_parameter_changed_before_backward_is_reported(form: str) -> None:
    leaves = [t.requires_grad_() for t in operands(Case(form))]
    output = FUNCTIONS[form](*leaves)
    with torch.no_grad():
        leaves[2].add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


@pytest.mark.parametrize("form", FUNCTIONS)
def test_inference_mode_and_checkpoint(form: str) -> None:
    case = Case(form)
    leaves = [t.requires_grad_() for t in operands(case)]
    with torch.inference_mode():
        output = FUNCTIONS[form](*leaves)
    assert output.is_inference()
    assert torch.equal(output, two_steps(form)(*leaves))
    output = torch.utils.checkpoint.checkpoint(FUNCTIONS[form], *leaves, use_reentrant=False)
    actual = torch.autograd.grad(output.sum(), leaves)
    assert all(
        map(torch.equal, actual, torch.autograd.grad(FUNCTIONS[form](*leaves).sum(), leaves))
    )


class TestChoice:
    def test_counts(self) -> None:
        for first in (True, False):
            assert _kinds.choose_kind(first, 8, 8, (1, 1), (1, 1)) == "composed"
            assert _kinds.choose_kind(first, 8, 8, (3, 3), (1, 1)) == "unfused"
        # One channel on the dense side: the dense weight is no larger than the depthwise one.
        assert _kinds.choose_kind(True, 1, 8, (3, 3), (1, 1)) == "composed"
        assert _kinds.choose_kind(False, 8, 1, (3, 3), (1, 1)) == "composed"
        # Of four pixels of z, three would be for nothing.
        assert _kinds.choose_kind(True, 8, 8, (2, 2), (2, 2)) == "composed"
        assert _kinds.choose_kind(False, 8, 8, (2, 2), (2, 2)) == "unfused"

    def test_force_kind_ends_and_nests(self) -> None:
        with convwright.force_kind("composed"):
            with pytest.raises(KeyError), convwright.force_kind("unfused"):
                assert _kinds.forced == "unfused"
                raise KeyError
            assert _kinds.forced == "composed"
        assert _kinds.forced == "auto"

    def test_unknown_kind(self) -> None:
        message = "kind is 'fast', but 'auto', 'unfused'"
        with pytest.raises(ValueError, match=message), convwright.force_kind("fast"):
            pass

    @pytest.mark.parametrize("form", FUNCTIONS)
    def test_kind_that_the_library_lacks(self, form: str) -> None:
        tensors = operands(Case(form))
        with convwright.force_kind("fused"):
            try:
                FUNCTIONS[form](*tensors)
            except RuntimeError as error:
                assert "has no" in str(error) and "use 'auto'" in str(error)
