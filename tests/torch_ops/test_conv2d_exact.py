# SPDX-License-Identifier: Apache-2.0
"""Forward and every gradient on small integers: equal to torch, tolerance 0."""

import functools
import itertools

import pytest
import torch
import torch.nn.functional as F
from cases import CASES, FORMATS, NOT_EMPTY, Case, assert_same, gradients, memory_order, tensors

from convwright.functional import conv2d

BOTH = list(itertools.product(FORMATS, FORMATS))


@functools.cache
def expected(case: Case) -> tuple[torch.Tensor, ...]:
    """Output and gradients by PyTorch in float64, which are the same in every format."""
    return gradients(F.conv2d, tensors(case).double())


@pytest.mark.parametrize(("input_format", "weight_format"), BOTH)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_torch(case: Case, input_format: str, weight_format: str, device: str) -> None:
    t = tensors(case, input_format, weight_format).to(device)
    assert_same(t, gradients(conv2d, t), expected(case))


@pytest.mark.parametrize(("input_format", "weight_format"), BOTH)
@pytest.mark.parametrize("case", NOT_EMPTY, ids=str)
def test_strides_are_torchs(case: Case, input_format: str, weight_format: str, device: str) -> None:
    layouts = []
    for convolution in (conv2d, F.conv2d):
        t = tensors(case, input_format, weight_format).to(device).requires_grad_()
        output = convolution(*t.operands, *case.geometry)
        output.backward(t.grad_output)
        layouts.append([memory_order(x) for x in (output, *(leaf.grad for leaf in t.leaves()))])
    ours, torchs = layouts
    assert ours == torchs


def _expanded(t: torch.Tensor) -> torch.Tensor:
    return t[:, :1].expand_as(t)


def _every_second(t: torch.Tensor) -> torch.Tensor:
    return t.repeat_interleave(2, dim=3)[..., ::2]


def _offset(t: torch.Tensor) -> torch.Tensor:
    return torch.cat([t.new_ones(3), t.flatten()])[3:].view(t.shape)


def _transposed(t: torch.Tensor) -> torch.Tensor:
    return t.transpose(2, 3).contiguous().transpose(2, 3)


def _one_value(t: torch.Tensor) -> torch.Tensor:
    return t.new_full((), 2).expand(t.shape)


LAYOUTS = [_expanded, _every_second, _offset, _transposed, _one_value]


@pytest.mark.parametrize("changed", ["input", "weight", "grad_output", "all"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__.lstrip("_"))
def test_any_strides(layout, changed: str, device: str) -> None:
    for case in (Case(channels=(16, 16)), Case(groups=4, channels=(8, 8), stride=(2, 2))):
        t = tensors(case).to(device)
        for name in ("input", "weight", "grad_output"):
            if changed in (name, "all"):
                setattr(t, name, layout(getattr(t, name)))
        assert_same(t, gradients(conv2d, t), gradients(F.conv2d, t.double()))


def test_bias_of_any_stride(device: str) -> None:
    t = tensors(Case()).to(device)
    t.bias = t.bias.repeat_interleave(2)[::2]
    assert_same(t, gradients(conv2d, t), gradients(F.conv2d, t.double()))


@pytest.mark.parametrize("needed", list(itertools.product([False, True], repeat=3)))
def test_gradients_of_some_leaves(needed: tuple[bool, ...], device: str) -> None:
    t, wide = tensors(Case()).to(device), tensors(Case()).to(device).double()
    for leaves, convolution in ((t.leaves(), conv2d), (wide.leaves(), F.conv2d)):
        for leaf, need in zip(leaves, needed, strict=True):
            leaf.requires_grad_(need)
        output = convolution(*leaves, 1, 1)
        assert output.requires_grad == any(needed)
        if any(needed):
            output.sum().backward()
    for ours, torchs in zip(t.leaves(), wide.leaves(), strict=True):
        assert (ours.grad is None) == (torchs.grad is None)
        if ours.grad is not None:
            assert torch.equal(ours.grad, torchs.grad.float())


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 1), (4, 3)])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_padding_by_name(padding: str, kernel: tuple[int, int]) -> None:
    t = tensors(Case(kernel=kernel))
    for dilation in (1, 2):
        options = {"padding": padding, "dilation": dilation}
        assert torch.equal(conv2d(*t.operands, **options), F.conv2d(*t.operands, **options))


def test_unbatched(device: str) -> None:
    t = tensors(Case()).to(device)
    t.input, t.grad_output = t.input[0], t.grad_output[0]
    torchs_results = gradients(F.conv2d, t.double())
    for ours, torchs in zip(gradients(conv2d, t), torchs_results, strict=True):
        assert torch.equal(ours, torchs.float())


@pytest.mark.parametrize("integer", [lambda n: (n,), lambda n: [n, n], torch.tensor])
def test_every_form_of_integer_that_torch_takes(integer) -> None:
    t = tensors(Case())
    args = *t.operands, integer(2), integer(1), integer(1)
    assert torch.equal(conv2d(*args), F.conv2d(*args))
