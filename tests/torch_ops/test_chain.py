# SPDX-License-Identifier: Apache-2.0
"""Two convolutions in a row by blocks of images equal one after the other, tolerance 0."""

import pytest
import torch
from torch import Tensor

import convwright
from convwright import _choices

OPS = torch.ops.convwright

# 0.4 MB an image in forward, 0.7 in backward: 13 of them are blocks of 10 and 3, or of 5, 5 and 3.
SIZES = (13, 16, 40, 40)
POINTWISE = [1, 1, 0, 0, 1, 1, 1]


def ints(*sizes: int, channels_last: bool = True) -> Tensor:
    """Values of -1, 0 and 1, whose sums here stay below 2**24."""
    tensor = torch.randint(-1, 2, sizes).float()
    return tensor.contiguous(memory_format=torch.channels_last) if channels_last else tensor


def step(geometry: list[int]) -> tuple[list[int], list[int], list[int], int]:
    return geometry[:2], geometry[2:4], geometry[4:6], geometry[6]


def one_by_one(
    input: Tensor, first: Tensor, second: Tensor, bias: Tensor | None, *geometries: list[int]
) -> tuple[list[Tensor], Tensor]:
    """Output, z, and gradients of input, first, second; and the output's gradient."""
    a, b = map(step, geometries)
    z = OPS.conv2d_fprop(input, first, None, *a)
    output = OPS.conv2d_fprop(z, second, bias, *b)
    grad = torch.randint_like(output, -1, 2)
    grad_z = OPS.conv2d_dgrad(grad, z, second, *b)
    gradients = [
        OPS.conv2d_dgrad(grad_z, input, first, *a),
        OPS.conv2d_wgrad(grad_z, input, first, *a),
        OPS.conv2d_wgrad(grad, z, second, *b),
    ]
    return [output, z, *gradients], grad


def in_blocks(grad: Tensor, input: Tensor, *rest: Tensor | list[int] | None) -> list[Tensor]:
    first, second, bias, *geometries = rest
    output, z = OPS.chain_fprop(input, first, second, bias, *geometries)
    gradients = OPS.chain_backward(grad, input, z, first, second, *geometries)
    return [output, z, *gradients]


def assert_equal(actual: list[Tensor], expected: list[Tensor]) -> None:
    names = "output", "z", "grad_input", "grad_first", "grad_second"
    for name, a, e in zip(names, actual, expected, strict=True):
        torch.testing.assert_close(a, e, rtol=0, atol=0, msg=lambda text, n=name: f"{n}: {text}")
        assert a.stride() == e.stride(), name


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("channels_last", [True, False], ids=["nhwc", "nchw"])
@pytest.mark.parametrize("stride", [1, 2])
def test_weighted_sum(stride: int, channels_last: bool, bias: bool) -> None:
    torch.manual_seed(0)
    second = [stride, stride, 1, 1, 1, 1, 24]
    operands = (
        ints(*SIZES, channels_last=channels_last),
        ints(24, 16, 1, 1),
        ints(24, 1, 3, 3),
        ints(1, 24, 1, 1).flatten() if bias else None,
        POINTWISE,
        second,
    )
    expected, grad = one_by_one(*operands)
    assert_equal(in_blocks(grad, *operands), expected)


@pytest.mark.parametrize("grad_z", [False, True])
@pytest.mark.parametrize("channels_last", [True, False], ids=["nhwc", "nchw"])
def test_gradients_of_the_activations(channels_last: bool, grad_z: bool) -> None:
    torch.manual_seed(0)
    input = ints(2, 5, 7, 6, channels_last=channels_last)
    first, second, geometry = ints(8, 5, 1, 1), ints(8, 1, 3, 3), ([2, 1], [1, 2], [1, 2])
    z = OPS.conv2d_fprop(input, first, None, *step(POINTWISE))
    grad = torch.randint_like(OPS.conv2d_fprop(z, second, None, *geometry, 8), -1, 2)
    of_z = OPS.conv2d_dgrad(grad, z, second, *geometry, 8)
    expected = OPS.conv2d_dgrad(of_z, input, first, *step(POINTWISE)), of_z
    actual = OPS.weighted_sum_dgrad(grad, input, z, first, second, *geometry, grad_z)
    for a, e in list(zip(actual, expected, strict=True))[: 1 + grad_z]:
        assert torch.equal(a, e)
        assert a.stride() == e.stride()


def test_depthwise_separable() -> None:
    torch.manual_seed(0)
    operands = (
        ints(*SIZES),
        ints(16, 1, 5, 5),
        ints(24, 16, 1, 1),
        None,
        [2, 1, 2, 2, 1, 1, 16],
        POINTWISE,
    )
    expected, grad = one_by_one(*operands)
    assert_equal(in_blocks(grad, *operands), expected)


def test_every_number_of_threads_gives_the_same_bits() -> None:
    torch.manual_seed(0)
    input, first, second = torch.randn(SIZES), torch.randn(24, 16, 1, 1), torch.randn(24, 1, 3, 3)
    input = input.contiguous(memory_format=torch.channels_last)
    grad = torch.randn(SIZES[0], 24, 40, 40).contiguous(memory_format=torch.channels_last)
    geometries = POINTWISE, [1, 1, 1, 1, 1, 1, 24]
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(in_blocks(grad, input, first, second, None, *geometries))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_other_dtypes_go_step_by_step(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    operands = (ints(2, 4, 6, 6), ints(8, 4, 1, 1), ints(8, 1, 3, 3))
    operands = tuple(t.to(dtype) for t in operands)
    geometries = POINTWISE, [1, 1, 1, 1, 1, 1, 8]
    expected, grad = one_by_one(*operands, None, *geometries)
    assert_equal(in_blocks(grad, *operands, None, *geometries), expected)


def test_a_geometry_has_seven_numbers() -> None:
    with pytest.raises(RuntimeError, match="a geometry has 3 numbers; give stride"):
        OPS.chain_fprop(
            ints(1, 2, 3, 3), ints(2, 2, 1, 1), ints(2, 1, 1, 1), None, [1, 1, 1], POINTWISE
        )


def test_pytorch_in_the_place_of_a_part_does_not_part_the_chain() -> None:
    input = ints(*SIZES)
    layer = convwright.nn.WeightedSumConv2d(16, 24, 3, padding=1, bias=False)

    def problems() -> list[str]:
        def step() -> None:
            layer(input.requires_grad_()).sum().backward()

        return [f"{row.problem} {row.kernel}" for row in convwright.explain(step).rows]

    before = problems()
    alone = "wgrad_n13ci24ih40iw40co24kh3kw3s1p1g24_f32_nhwc"
    assert any(alone in row for row in before)
    _choices.choose(alone, "pytorch")
    try:
        assert problems() == before
        z = ints(SIZES[0], 24, 40, 40)
        operands = z, z, ints(24, 1, 3, 3), *step([1, 1, 1, 1, 1, 1, 24])
        rows = convwright.explain(OPS.conv2d_wgrad, *operands).rows
    finally:
        _choices.choose(alone, "")
    assert [row.kernel for row in rows] == ["PyTorch"]
