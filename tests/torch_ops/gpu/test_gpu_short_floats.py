# SPDX-License-Identifier: Apache-2.0
"""bfloat16 and float16 on tensor cores: who computes, autocast, precision."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import convwright
from convwright.functional import conv2d, conv2d_relu

DTYPES = [torch.bfloat16, torch.float16]
pytestmark = pytest.mark.skipif(
    "torch.cuda.get_device_capability() < (8, 0)", reason="needs tensor cores for short floats"
)


def gradients(function: Callable[..., Tensor], *operands: Tensor) -> list[Tensor]:
    """The output, and the gradients of its sum of squares."""
    leaves = [t.detach().requires_grad_() for t in operands]
    output = function(*leaves, padding=1)
    output.float().square().sum().backward()
    return [output.detach(), *(t.grad for t in leaves)]


def layer(dtype: torch.dtype, ci: int = 32, co: int = 24) -> list[Tensor]:
    shapes = (4, ci, 15, 17), (co, ci, 3, 3), (co,)
    input, weight, bias = (torch.randn(s, device="cuda").to(dtype) for s in shapes)
    return [input.to(memory_format=torch.channels_last), weight, bias]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [(32, 24), (3, 10)])
def test_results_are_rounded_once(dtype: torch.dtype, channels: tuple[int, int]) -> None:
    operands = layer(dtype, *channels)
    actual = gradients(conv2d, *operands)
    wanted = gradients(F.conv2d, *(t.double() for t in operands))
    eps = torch.finfo(dtype).eps
    for ours, exact in zip(actual, wanted, strict=True):
        assert ours.dtype == dtype
        # The output's rounding comes again in the gradients, which are made of it.
        assert bool(((ours - exact).abs() <= 2 * eps * exact.abs().max()).all())


@pytest.mark.parametrize("function", [conv2d, conv2d_relu])
@pytest.mark.parametrize("dtype", DTYPES)
def test_autocast_takes_tensor_cores(dtype: torch.dtype, function: Callable[..., Tensor]) -> None:
    input, weight, bias = layer(torch.float32)
    with torch.autocast("cuda", dtype):
        output = function(input, weight, bias, padding=1)
        rows = convwright.explain(function, input, weight, bias).rows
    assert output.dtype == dtype
    assert output.is_contiguous(memory_format=torch.channels_last)
    assert rows and all("_mma_2_" in row.kernel for row in rows)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_training_step_under_autocast(dtype: torch.dtype) -> None:
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 3, stride=2, groups=2),
    ).to("cuda", memory_format=torch.channels_last)
    input = torch.randn(8, 3, 12, 12, device="cuda").to(memory_format=torch.channels_last)
    grads = []
    for convert in (False, True):
        if convert:
            assert convwright.convert_(model).converted == 2
        with torch.autocast("cuda", dtype):
            loss = model(input).float().square().mean()
        model.zero_grad()
        loss.backward()
        grads.append([p.grad.clone() for p in model.parameters()])
    for ours, torchs in zip(*grads, strict=True):
        scale = torchs.abs().max()
        assert bool(((ours - torchs).abs() <= 8 * torch.finfo(dtype).eps * scale).all())


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_stays_with_pytorch(dtype: torch.dtype) -> None:
    input, weight, bias = layer(dtype, 8, 8)
    (row,) = convwright.explain(conv2d, input.contiguous(), weight, bias).rows
    assert row.reason == f"dtype is {dtype}, whose CUDA kernels are channels_last"
    few = torch.randn(8, 2, 3, 3, device="cuda").to(dtype)
    call = lambda *a: conv2d(*a, groups=4)  # noqa: E731
    (row,) = convwright.explain(call, input, few, bias).rows
    assert row.reason == "CUDA kernels of short floats take groups of 8 channels or more"
    assert torch.equal(conv2d(input, few, groups=4), F.conv2d(input, few, groups=4))
