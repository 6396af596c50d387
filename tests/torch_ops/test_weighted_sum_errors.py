# SPDX-License-Identifier: Apache-2.0
"""Bad arguments of weighted sums: one sentence in PyTorch's manner, before anything runs."""

import re

import pytest
import torch
import torch.nn.functional as F

import convwright
from convwright.functional import depthwise_separable_conv2d, weighted_sum_conv2d

X, P, D, B = torch.zeros(2, 4, 5, 5), torch.zeros(6, 4), torch.zeros(6, 1, 3, 3), torch.zeros(6)
D4 = torch.zeros(4, 1, 3, 3)

# Texts that name the weights; {} stands for the function.
OURS = {
    "channels": (
        (X[:, :3], P, D),
        "Given pointwise weight of size [6, 4], expected input[2, 3, 5, 5] to have 4 channels, "
        "but got 3 channels instead",
    ),
    "unbatched channels": (
        (X[0, :3], P, D),
        "Given pointwise weight of size [6, 4], expected input[3, 5, 5] to have 4 channels, "
        "but got 3 channels instead",
    ),
    "pointwise dimensions": (
        (X, P[0], D),
        "expected pointwise weight to have 2 dimensions, [Co, Ci], or to be [Co, Ci, 1, 1], "
        "but got pointwise weight of size [4] instead",
    ),
    "pointwise taps": (
        (X, torch.zeros(6, 4, 1, 3), D),
        "expected pointwise weight to have 2 dimensions, [Co, Ci], or to be [Co, Ci, 1, 1], "
        "but got pointwise weight of size [6, 4, 1, 3] instead",
    ),
    "depthwise dimensions": (
        (X, P, D[0, 0]),
        "expected depthwise weight to have 4 dimensions, [C, 1, Kh, Kw], or to be [C, Kh, Kw], "
        "but got depthwise weight of size [3, 3] instead",
    ),
    "depthwise filters": (
        (X, P, torch.zeros(6, 2, 3, 3)),
        "expected depthwise weight to have 4 dimensions, [C, 1, Kh, Kw], or to be [C, Kh, Kw], "
        "but got depthwise weight of size [6, 2, 3, 3] instead",
    ),
    "depthwise channels": (
        (X, P, torch.zeros(5, 1, 3, 3)),
        "Given pointwise weight of size [6, 4], expected depthwise weight to have 6 channels at "
        "dimension 0, but got depthwise weight of size [5, 1, 3, 3] instead",
    ),
    "bias size": (
        (X, P, D, torch.zeros(5)),
        "Given pointwise weight of size [6, 4], expected bias to be 1-dimensional with 6 elements, "
        "but got bias of size [5] instead",
    ),
    "input dimensions": (
        (X[None], P, D),
        "Expected 3D (unbatched) or 4D (batched) input to weighted_sum_conv2d, "
        "but got input of size: [1, 2, 4, 5, 5]",
    ),
    "no taps": (
        (X, P, torch.zeros(6, 1, 0, 3)),
        "expected depthwise weight to have taps, but its kernel is (0, 3)",
    ),
    "depthwise dtype": (
        (X, P, D.double()),
        "Input type (torch.float32) and depthwise type (torch.float64) should be the same",
    ),
    "bias dtype": (
        (X, P, D, B.bfloat16()),
        "Input type (torch.float32) and bias type (torch.bfloat16) should be the same",
    ),
    "device": (
        (X, P, D.to("meta")),
        "Expected all tensors to be on the same device, but got input on cpu and depthwise on meta",
    ),
}


@pytest.mark.parametrize("name", OURS)
def test_operands(name: str) -> None:
    args, text = OURS[name]
    with pytest.raises(RuntimeError, match=f"^{re.escape(text)}$"):
        weighted_sum_conv2d(*args)


def test_depthwise_separable_names_its_own_order() -> None:
    text = "Given depthwise weight of size [4, 1, 3, 3], expected input[2, 3, 5, 5] to have 4"
    with pytest.raises(RuntimeError, match=re.escape(text)):
        depthwise_separable_conv2d(X[:, :3], D4, P)
    text = "expected depthwise weight to have 4 channels at dimension 0"
    with pytest.raises(RuntimeError, match=text):
        depthwise_separable_conv2d(X, D, P)


GEOMETRIES = {
    "kernel too large": {"dilation": 3},
    "stride zero": {"stride": 0},
    "stride one of two": {"stride": (1, 0)},
    "stride three": {"stride": (1, 1, 1)},
    "padding negative": {"padding": -1},
    "padding name": {"padding": "some"},
    "padding same strided": {"padding": "same", "stride": 2},
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_geometry_raises_what_conv2d_raises(name: str) -> None:
    options = GEOMETRIES[name]
    with pytest.raises(RuntimeError) as torchs:
        F.conv2d(torch.zeros(2, 6, 5, 5), D, None, groups=6, **options)
    for call in (
        lambda: weighted_sum_conv2d(X, P, D, **options),
        lambda: depthwise_separable_conv2d(X, D4, P, **options),
    ):
        with pytest.raises(RuntimeError) as ours:
            call()
        assert str(ours.value) == str(torchs.value)


WRONG_TYPES = {
    "input list": (([1.0], P, D), {}, "argument 'input' must be Tensor, not list"),
    "pointwise None": ((X, None, D), {}, "argument 'pointwise' must be Tensor, not NoneType"),
    "bias number": ((X, P, D, 1.0), {}, "argument 'bias' must be Tensor, not float"),
    "stride float": ((X, P, D), {"stride": 1.0}, "argument 'stride' must be tuple of ints"),
    "dilation None": ((X, P, D), {"dilation": None}, "argument 'dilation' must be tuple of ints"),
}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_wrong_types(name: str) -> None:
    args, kwargs, text = WRONG_TYPES[name]
    weighted_sum_conv2d(X, P, D, B)  # whose plan a stride of 1.0 must not find
    with pytest.raises(TypeError, match=re.escape(f"weighted_sum_conv2d(): {text}")):
        weighted_sum_conv2d(*args, **kwargs)


@pytest.mark.parametrize("bad", [{"stride": 0}, {"dilation": 9}])
def test_nothing_runs_before_the_checks(bad: dict) -> None:
    def call() -> None:
        with pytest.raises(RuntimeError):
            weighted_sum_conv2d(X, P, D, B, **bad)

    assert convwright.explain(call).rows == ()


@pytest.mark.parametrize(
    "kwargs",
    [{"padding_mode": "none"}, {"padding": "some"}, {"stride": 2, "padding": "same"}],
    ids=str,
)
@pytest.mark.parametrize("name", ["WeightedSumConv2d", "DepthwiseSeparableConv2d"])
def test_constructor(name: str, kwargs: dict) -> None:
    with pytest.raises(ValueError) as torchs:
        torch.nn.Conv2d(6, 6, 3, groups=6, **kwargs)
    with pytest.raises(ValueError) as ours:
        getattr(convwright.nn, name)(6, 6, 3, **kwargs)
    assert str(ours.value) == str(torchs.value)


@pytest.mark.parametrize("bias", [B[:5], torch.zeros(7), B[:, None], B.sum()], ids=str)
def test_the_operator_refuses_a_bias_of_another_size(bias: torch.Tensor) -> None:
    """Which it would read past its end."""
    with pytest.raises(
        RuntimeError, match=r"expected a bias of size \[Co\], with as many elements"
    ):
        torch.ops.convwright.weighted_sum_fprop(
            X, P[:, :, None, None], D, bias, [1, 1], [1, 1], [1, 1]
        )


ONES = torch.ones


@pytest.mark.parametrize(
    ("z", "pointwise", "depthwise", "reason"),
    [
        (ONES(1, 4, 5, 5), ONES(4, 3, 3, 3), ONES(4, 1, 3, 3), "grad_output of size"),
        (ONES(1, 4, 7, 7), ONES(4, 3, 1, 1), ONES(8, 1, 3, 3), "grad_output of size"),
        (ONES(4, 7, 7), ONES(4, 3, 1, 1), ONES(4, 1, 3, 3), "Expected 4-dimensional input"),
        (ONES(1, 4, 7, 7), ONES(4, 2, 1, 1), ONES(4, 1, 3, 3), "to have 2 channels, but got 3"),
    ],
)
def test_the_operator_of_gradients_refuses_what_does_not_fit(
    z: torch.Tensor, pointwise: torch.Tensor, depthwise: torch.Tensor, reason: str
) -> None:
    grad, input = ONES(1, 4, 5, 5), ONES(1, 3, 7, 7)
    with pytest.raises(RuntimeError, match=reason):
        torch.ops.convwright.weighted_sum_dgrad(
            grad, input, z, pointwise, depthwise, [1, 1], [0, 0], [1, 1], True
        )
