# SPDX-License-Identifier: Apache-2.0
"""Where Convwright has no kernel PyTorch computes, and the trace says why."""

import pytest
import torch
import torch.nn.functional as F
from cases import Case, tensors
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import convwright
from convwright import _eligibility
from convwright.functional import conv2d


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64])
def test_dtypes(dtype: torch.dtype) -> None:
    t = tensors(Case())
    operands = [x.to(dtype) for x in t.operands]
    assert torch.equal(conv2d(*operands), F.conv2d(*operands))
    (row,) = convwright.explain(conv2d, *operands).rows
    assert row.kernel == "PyTorch"
    assert row.reason == f"dtype is {dtype}, kernels are float32"


def test_layouts() -> None:
    t = tensors(Case())
    input, weight = t.input.to_mkldnn(), t.weight
    assert torch.equal(conv2d(input, weight).to_dense(), F.conv2d(input, weight).to_dense())


def test_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_eligibility, "CONVERTED", frozenset())  # oneDNN has kernels
    t = tensors(Case())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert conv2d(*t.operands).dtype == torch.bfloat16
        (row,) = convwright.explain(conv2d, *t.operands).rows
    assert "autocast" in row.reason
    with torch.autocast("cpu", enabled=False):
        assert conv2d(*t.operands).dtype == torch.float32


class Labelled(torch.Tensor):
    """A subclass that overrides nothing."""


def test_plain_subclass_keeps_its_type() -> None:
    t = tensors(Case())
    output = conv2d(t.input.as_subclass(Labelled), t.weight)
    assert type(output) is Labelled
    assert torch.equal(output.as_subclass(torch.Tensor), F.conv2d(t.input, t.weight))


class Recording(torch.Tensor):
    """A subclass that sees each function that it is given to."""

    seen: list

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.seen = [*getattr(cls, "seen", []), func]
        return super().__torch_function__(func, types, args, kwargs)


def test_torch_function_gets_one_call() -> None:
    t = tensors(Case())
    conv2d(t.input, t.weight.as_subclass(Recording), t.bias)
    assert Recording.seen[0] is conv2d


class Wrapper(torch.Tensor):
    """A wrapper subclass that knows aten only, as most do."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        assert func.namespace == "aten"
        args = [a.inner if isinstance(a, Wrapper) else a for a in args]
        return func(*args, **(kwargs or {}))


def test_torch_dispatch_subclass_gets_aten() -> None:
    t = tensors(Case())
    assert torch.equal(conv2d(Wrapper(t.input), t.weight), F.conv2d(t.input, t.weight))


def test_function_mode_sees_the_call() -> None:
    class Mode(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    seen: list = []
    t = tensors(Case())
    with Mode():
        output = conv2d(*t.operands)
    assert conv2d in seen
    assert torch.equal(output, F.conv2d(*t.operands))


@pytest.mark.parametrize("requires_grad", [False, True])
def test_dispatch_mode_sees_the_operator(requires_grad: bool) -> None:
    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    seen: list = []
    t = tensors(Case())
    t.weight.requires_grad_(requires_grad)
    with Mode():
        conv2d(*t.operands)
    assert torch.ops.convwright.conv2d_fprop.default in seen


def test_refusal_of_a_forced_kernel_is_never_hidden() -> None:
    wgrad = "wgrad_n2ci3ih7iw9co4kh3kw3s1p1_f32_nchw"
    kernel = torch.ops.convwright.kernels(wgrad).split("\t")[0]
    torch.ops.convwright.force_kernel(kernel)
    try:
        with pytest.raises(RuntimeError, match=kernel):
            conv2d(*tensors(Case()).operands, 1, 1)
    finally:
        torch.ops.convwright.force_kernel("")


class TestGroupedBfloat16:
    @pytest.mark.parametrize("autocast", [False, True])
    def test_reaches_the_operators(self, autocast: bool) -> None:
        t = tensors(Case(groups=4, channels=(4, 4))).requires_grad_()
        if not autocast:
            t.input, t.weight, t.bias = (x.detach().bfloat16().requires_grad_() for x in t.operands)
        seen = []
        for convolution in (conv2d, F.conv2d):
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                output = convolution(*t.operands, *t.case.geometry)
            seen.append([output, *torch.autograd.grad(output.float().sum(), t.leaves())])
        assert seen[0][0].dtype == torch.bfloat16
        torch.testing.assert_close(*seen, rtol=1e-2, atol=1e-1)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            rows = convwright.explain(lambda x: conv2d(x, *t.operands[1:], groups=4), t.input).rows
        assert [row.direction for row in rows] == ["fprop", "dgrad", "wgrad"]
        assert all("g4_bf16" in row.problem for row in rows)
