# SPDX-License-Identifier: Apache-2.0
"""NaN and infinity go where PyTorch's convolution lets them go, and nowhere else.

That is without Winograd's tiles (test_winograd.py)."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from cases import FORMATS

import convwright
from convwright.functional import conv2d, conv2d_relu


@pytest.fixture(autouse=True)
def without_winograd() -> Iterator[None]:
    before = convwright.allow_winograd(False)
    yield
    convwright.allow_winograd(before)


def not_finite(groups: int, memory_format: str, dtype: torch.dtype) -> tuple:
    """Input with a NaN inside and an infinity in the corner, beside the padding; weight."""
    generator = torch.Generator().manual_seed(0)
    input = torch.randn(1, 32, 9, 12, generator=generator)
    input[0, 3, 4, 5], input[0, 7, 0, 0] = torch.nan, torch.inf
    weight = torch.randn(32, 32 // groups, 3, 3, generator=generator)
    return input.to(dtype).contiguous(memory_format=FORMATS[memory_format]), weight.to(dtype)


def assert_same_places(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert expected.isnan().any()
    assert torch.equal(actual.isnan(), expected.isnan())
    assert torch.equal(actual.isinf(), expected.isinf())


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize(
    ("groups", "dtype"), [(1, torch.float32), (32, torch.float32), (32, torch.bfloat16)]
)
def test_output(groups: int, memory_format: str, dtype: torch.dtype, device: str) -> None:
    operands = not_finite(groups, memory_format, dtype)
    expected = F.conv2d(*operands, None, 1, 1, 1, groups)
    operands = [t.to(device) for t in operands]
    for convolution, wanted in ((conv2d, expected), (conv2d_relu, expected.relu())):
        assert_same_places(convolution(*operands, None, 1, 1, 1, groups).cpu(), wanted)


# Rows of taps and channels that fill no whole vectors, for fewer output channels than lanes.
@pytest.mark.parametrize(
    ("ci", "co", "kernel"), [(3, 1, 3), (3, 2, 5), (5, 1, 3), (20, 2, 3), (1, 3, 7), (6, 3, 3)]
)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_few_channels(ci: int, co: int, kernel: int, stride: int, value: float) -> None:
    pad = kernel // 2
    input = torch.zeros(1, ci, 12, 20).contiguous(memory_format=torch.channels_last)
    input[0, ci // 2, 5, 9] = value
    hit = input.ne(0).float()
    weight = torch.ones(co, ci, kernel, kernel)
    output = conv2d(input, weight, None, stride, pad)
    assert torch.equal(~output.isfinite(), F.conv2d(hit, weight, None, stride, pad) > 0)
    assert torch.equal(output.isnan(), output.isfinite().logical_not() & (value != value))
    # dgrad: a gradient of `ci` channels for an input of `co`.
    weight = torch.ones(ci, co, kernel, kernel)
    zeros = torch.zeros(1, co, *(stride * (n - 1) + kernel - 2 * pad for n in input.shape[2:]))
    wanted = torch.nn.grad.conv2d_input(zeros.shape, weight, hit, stride, pad)
    ours = torch.autograd.functional.vjp(
        lambda x: conv2d(x, weight, None, stride, pad), zeros, input
    )[1]
    assert torch.equal(~ours.isfinite(), wanted > 0)
