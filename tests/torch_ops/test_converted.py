# SPDX-License-Identifier: Apache-2.0
"""Dense bfloat16 and float16 on the CPU: by float32 kernels where oneDNN has none."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import convwright
from convwright import _eligibility, functional

DTYPES = [torch.bfloat16, torch.float16]
CALLS = {
    "conv2d": ((2, 3, 7, 9), (4, 3, 3, 3)),
    "conv1d": ((2, 3, 9), (4, 3, 3)),
    "conv_transpose2d": ((2, 3, 7, 9), (3, 4, 3, 3)),
}


@pytest.fixture(autouse=True)
def no_kernels_of_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a CPU without AVX512's and AMX's short floats."""
    if torch.ops.convwright.isa() == "none":
        pytest.skip("there are no kernels for this CPU")
    monkeypatch.setattr(_eligibility, "CONVERTED", frozenset(DTYPES))


def operands(name: str, dtype: torch.dtype) -> list[Tensor]:
    # Integers whose sums of 27 products both dtypes hold exactly.
    sizes = (*CALLS[name], (4,))
    return [torch.randint(-1, 2, s).to(dtype).requires_grad_() for s in sizes]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_results_and_gradients_equal_pytorchs(dtype: torch.dtype, name: str) -> None:
    results = []
    for module in (functional, F):
        torch.manual_seed(0)
        leaves = operands(name, dtype)
        output = getattr(module, name)(*leaves, padding=1)
        grad_output = torch.arange(output.numel()).view(output.shape) % 3 - 1
        results.append([output, *torch.autograd.grad(output, leaves, grad_output.to(dtype))])
    torch.testing.assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_sum_is_rounded_once(dtype: torch.dtype) -> None:
    input, weight = torch.randn(2, 64, 5, 5).to(dtype), torch.randn(8, 64, 3, 3).to(dtype)
    exact = F.conv2d(input.double(), weight.double())
    error = (functional.conv2d(input, weight).double() - exact).abs()
    # Half a unit in the last place, and 576 roundings of float32 of terms below 16.
    assert (error <= exact.abs() * torch.finfo(dtype).eps / 2 + 576 * 16 * 2**-24).all()


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_explain_says_so(dtype: torch.dtype, name: str) -> None:
    rows = convwright.explain(getattr(functional, name), *operands(name, dtype)).rows
    assert rows[0].kernel == "float32"
    assert rows[0].schedule == f"of {dtype} operands, converted"
    assert [row.direction for row in rows[1:]] in (
        ["fprop", "dgrad", "wgrad"],
        ["dgrad", "fprop", "wgrad"],
    )
    assert all("_f32_" in row.problem and row.kernel != "PyTorch" for row in rows[1:])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_autocast_and_compiled_code(dtype: torch.dtype) -> None:
    torch.compiler.reset()
    input, weight, bias = (t.detach().float() for t in operands("conv2d", dtype))
    with torch.autocast("cpu", dtype):
        expected = F.conv2d(input, weight, bias)
        eager = functional.conv2d(input, weight, bias)
        compiled = torch.compile(functional.conv2d, fullgraph=True, backend="aot_eager")
        assert eager.dtype == dtype
        assert torch.equal(eager, expected)
        assert torch.equal(compiled(input, weight, bias), expected)


def test_grouped_bfloat16_keeps_its_kernels() -> None:
    input, weight = torch.randn(1, 4, 5, 5).bfloat16(), torch.randn(4, 1, 3, 3).bfloat16()
    (row,) = convwright.explain(lambda: functional.conv2d(input, weight, groups=4)).rows
    assert "g4_bf16" in row.problem


def test_mixed_dtypes_are_pytorchs_to_refuse() -> None:
    input, weight, _ = operands("conv2d", torch.bfloat16)
    with pytest.raises(RuntimeError) as torchs:
        F.conv2d(input, weight.float())
    with pytest.raises(RuntimeError) as ours:
        functional.conv2d(input, weight.float())
    assert str(ours.value) == str(torchs.value)


def test_pytorch_computes_where_onednn_has_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_eligibility, "CONVERTED", frozenset())
    (row,) = convwright.explain(functional.conv2d, *operands("conv2d", torch.bfloat16)).rows
    assert row.reason == "dtype is torch.bfloat16, dense kernels are float32"
