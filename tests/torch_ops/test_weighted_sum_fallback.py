# SPDX-License-Identifier: Apache-2.0
"""Where PyTorch computes weighted sums, autocast, and what explain says of both."""

import pytest
import torch
from separable_cases import FUNCTIONS, Case, operands, results, two_steps
from torch.overrides import TorchFunctionMode

import convwright
from convwright.functional import weighted_sum_conv2d

LAYERS = [convwright.nn.WeightedSumConv2d, convwright.nn.DepthwiseSeparableConv2d]


@pytest.mark.parametrize("form", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.complex64])
def test_dtypes(form: str, dtype: torch.dtype) -> None:
    tensors = [t.to(dtype) for t in operands(Case(form))]
    for kind in ("auto", "composed"):
        with convwright.force_kind(kind):
            assert torch.equal(FUNCTIONS[form](*tensors), two_steps(form)(*tensors))
            (row,) = convwright.explain(FUNCTIONS[form], *tensors).rows
        assert row.kernel == "PyTorch"
        assert row.reason == f"dtype is {dtype}, kernels are float32"
        assert row.direction == "fprop"


class TestAutocast:
    @pytest.mark.parametrize("form", FUNCTIONS)
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_equals_two_steps(self, form: str, dtype: torch.dtype) -> None:
        leaves = [t.requires_grad_() for t in operands(Case(form))]
        outputs, gradients = [], []
        for function in (FUNCTIONS[form], two_steps(form)):
            with torch.autocast("cpu", dtype=dtype):
                outputs.append(function(*leaves))
            gradients.append(torch.autograd.grad(outputs[-1].float().sum(), leaves))
        assert outputs[0].dtype == dtype
        assert torch.equal(*outputs)
        for ours, torchs in zip(*gradients, strict=True):
            assert ours.dtype == torch.float32
            assert torch.equal(ours, torchs)

    def test_casts_what_pytorch_casts(self) -> None:
        input, *rest = operands(Case())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert weighted_sum_conv2d(input.half(), *rest).dtype == torch.bfloat16
            with torch.autocast("cpu", enabled=False):
                assert weighted_sum_conv2d(input, *rest).dtype == torch.float32
            wide = [t.double() for t in (input, *rest)]
            assert weighted_sum_conv2d(*wide).dtype == torch.float64
            with pytest.raises(RuntimeError, match="should be the same"):
                weighted_sum_conv2d(input.double(), *rest)
            assert torch.is_autocast_enabled("cpu")

    def test_compiled(self) -> None:
        torch.compiler.reset()
        compiled = torch.compile(weighted_sum_conv2d, fullgraph=True, backend="aot_eager")
        tensors = operands(Case())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(compiled(*tensors), two_steps("wsum")(*tensors))

    @pytest.mark.parametrize("form", FUNCTIONS)
    def test_depthwise_step_is_ours_where_kernels_exist(self, form: str) -> None:
        tensors = [t.requires_grad_() for t in operands(Case(form))]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rows = convwright.explain(FUNCTIONS[form], *tensors).rows
            actual = results(FUNCTIONS[form], Case(form), tensors)
            expected = results(two_steps(form), Case(form), tensors)
        assert rows[0].problem.startswith(("wsum2d:fprop_n2ci3", "dwsep2d:fprop_n2ci3"))
        assert "_bf16_" in rows[0].problem and rows[0].kernel == "unfused"
        dense, grouped = [row for row in rows[1:3] if "(" in row.problem], rows[1:3]
        assert dense == []  # the operator says why itself
        assert "dense bfloat16 has no kernels" in {row.reason for row in rows}
        assert any("g4_bf16" in row.problem or "g3_bf16" in row.problem for row in grouped)
        assert {"dgrad", "wgrad"} <= {row.direction for row in rows}
        for ours, torchs in zip(actual, expected, strict=True):
            torch.testing.assert_close(ours, torchs, rtol=2e-2, atol=2)


class Labelled(torch.Tensor):
    """A subclass that overrides nothing."""


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


@pytest.mark.parametrize("form", FUNCTIONS)
def test_subclasses(form: str) -> None:
    input, *rest = operands(Case(form))
    expected = two_steps(form)(input, *rest)
    output = FUNCTIONS[form](input.as_subclass(Labelled), *rest)
    assert type(output) is Labelled
    assert torch.equal(output.as_subclass(torch.Tensor), expected)
    assert torch.equal(FUNCTIONS[form](Wrapper(input), *rest), expected)


def test_function_mode_sees_the_call() -> None:
    class Mode(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    seen: list = []
    with Mode():
        weighted_sum_conv2d(*operands(Case()))
    assert weighted_sum_conv2d in seen


class TestExplain:
    def test_rows_carry_the_name_of_the_layer(self) -> None:
        model = torch.nn.Sequential(LAYERS[0](3, 4, 3, padding="same"), LAYERS[1](4, 5, 3))
        for input in (torch.randn(2, 3, 8, 8), torch.randn(3, 8, 8)):
            rows = convwright.explain(model, input).rows
            assert [(row.layer, row.direction) for row in rows] == [
                *[("0", "fprop")] * 3,
                *[("1", "fprop")] * 3,
                *[("1", "dgrad")] * 2,
                *[("1", "wgrad")] * 2,
                ("0", "dgrad"),
                *[("0", "wgrad")] * 2,
            ]

    @pytest.mark.parametrize(
        ("kind", "grad", "schedule"),
        [
            ("unfused", True, "z:saved"),
            ("unfused", False, "z:written"),
            ("composed", True, "weight:composed,saved"),
            ("composed", False, "weight:composed"),
        ],
    )
    def test_row(self, kind: str, grad: bool, schedule: str) -> None:
        layer = LAYERS[0](3, 4, 3, stride=2, padding=1, bias=False).requires_grad_(grad)
        layer.to(memory_format=torch.channels_last)
        with convwright.force_kind(kind):
            row, *_ = convwright.explain(layer, torch.randn(2, 3, 8, 9)).rows
        assert row.problem == "wsum2d:fprop_n2ci3ih8iw9co4kh3kw3s2p1_f32_nhwc"
        assert (row.kernel, row.schedule) == (kind, schedule)
        assert row.isa == torch.ops.convwright.isa()

    def test_layers_that_pytorch_computes(self) -> None:
        model = torch.nn.Sequential(LAYERS[1](3, 4, 3).double())
        (row,) = convwright.explain(model, torch.randn(2, 3, 8, 8).double()).rows
        assert row.problem == "dwsep2d:fprop_(2, 3, 8, 8)*(4, 3)*(3, 1, 3, 3)"
        assert (row.layer, row.kernel) == ("0", "PyTorch")
