# SPDX-License-Identifier: Apache-2.0
"""Tensors whose elements 32 bits cannot count."""

import pytest
import torch
import torch.nn.functional as F

from convwright import multipliers
from convwright.functional import approx_conv2d, conv2d

ops = torch.ops.convwright


def need(gigabytes: float) -> None:
    free = torch.cuda.mem_get_info()[0] / 1e9
    if free < gigabytes:
        pytest.skip(f"needs {gigabytes:g} GB of GPU memory, {free:.1f} are free")


def integers(*sizes: int) -> torch.Tensor:
    return torch.randint(-3, 4, sizes, device="cuda").float()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_images_further_apart_than_2_to_the_31(memory_format: torch.memory_format) -> None:
    need(10)
    small = integers(3, 8, 9, 10).to(memory_format=memory_format)
    base = torch.empty(2**31 + 4096, device="cuda")
    strides = 2**30, *small.stride()[1:]
    input = base.as_strided(small.shape, strides).copy_(small)
    weight = integers(12, 8, 3, 3)
    grad_output = integers(3, 12, 9, 10)
    geometry = (1, 1), (1, 1), (1, 1), 1
    expected = F.conv2d(small.cpu().double(), weight.cpu().double(), padding=1).float()
    assert torch.equal(conv2d(input, weight, padding=1).cpu(), expected)
    near, far = (ops.conv2d_wgrad(grad_output, x, weight, *geometry) for x in (small, input))
    assert torch.equal(near, far)


def test_more_than_2_to_the_31_elements() -> None:
    need(20)
    side = 46400  # squared: 2.15e9
    input = torch.zeros(1, 1, side, side, device="cuda")
    edge = integers(1, 1, 70, side)
    input[:, :, -70:] = edge
    weight = integers(1, 1, 3, 3)
    output = conv2d(input, weight)
    # The rows that touch the edge alone, which 32 bits would look for elsewhere.
    expected = F.conv2d(edge.cpu().double(), weight.cpu().double()).float()
    assert torch.equal(output[:, :, -68:].cpu(), expected)
    assert bool((output[:, :, :1000] == 0).all())


@pytest.mark.parametrize("number_format", ["float32", "bfloat16"])
def test_approximate_products_of_images_far_apart(number_format: str) -> None:
    """Their kernels have no 64-bit indices: what is out of reach is copied."""
    need(10)
    small, weight = integers(3, 8, 9, 10), integers(12, 8, 3, 3)
    base = torch.empty(2**31 + 4096, device="cuda")
    input = base.as_strided(small.shape, (2**30, *small.stride()[1:])).copy_(small)
    how = {"multiplier": "mbm", "number_format": number_format}
    assert torch.equal(approx_conv2d(input, weight, **how), approx_conv2d(small, weight, **how))


def test_8_bit_filters_further_apart_than_2_to_the_31() -> None:
    need(5)
    multiplier = multipliers.mbm()
    table = multiplier.table("uint8")
    on_gpu = multiplier.device_table("uint8", torch.device("cuda", 0))
    input, small = (
        torch.randint(256, size, dtype=torch.uint8, device="cuda")
        for size in ((2, 8, 9, 10), (2, 8, 3, 3))
    )
    base = torch.empty(2**31 + 4096, dtype=torch.uint8, device="cuda")
    weight = base.as_strided(small.shape, (2**31 + 64, *small.stride()[1:])).copy_(small)
    near, far = (
        ops.approx_int8_conv2d(input, w, [1, 1], [1, 1], [1, 1], 1, table, 0, on_gpu)
        for w in (small, weight)
    )
    assert torch.equal(near, far)
