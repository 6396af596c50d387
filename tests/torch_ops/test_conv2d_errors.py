# SPDX-License-Identifier: Apache-2.0
"""Bad arguments: exception type and text are PyTorch's."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

import convwright
from convwright.functional import conv2d


def outcome(call: Callable[[], object]) -> tuple[type, str] | None:
    try:
        call()
    except Exception as error:
        return type(error), str(error)
    return None


def assert_same_error(args: tuple, kwargs: dict) -> None:
    torchs = outcome(lambda: F.conv2d(*args, **kwargs))
    assert torchs is not None
    assert outcome(lambda: conv2d(*args, **kwargs)) == torchs


def on(device: str, value: object) -> object:
    return value.to(device) if isinstance(value, torch.Tensor) else value


X, W, B = torch.zeros(2, 4, 5, 5), torch.zeros(6, 4, 3, 3), torch.zeros(6)
BAD_CALLS = {
    "channels": ((X, torch.zeros(6, 3, 3, 3)), {}),
    "groups do not divide": ((X, torch.zeros(5, 2, 3, 3)), {"groups": 2}),
    "groups zero": ((X, W), {"groups": 0}),
    "bias size": ((X, W, torch.zeros(5)), {}),
    "bias dimensions": ((X, W, torch.zeros(6, 1)), {}),
    "bias dtype": ((X, W, B.double()), {}),
    "weight dtype": ((X, W.double()), {}),
    "input dimensions": ((X[None], W), {}),
    "input one dimension": ((X[0, 0, 0], W), {}),
    "unbatched channels": ((X[0, :3], W), {}),
    "weight dimensions": ((X, W[0]), {}),
    "weight scalar": ((X, torch.tensor(1.0)), {}),
    "kernel too large": ((X, torch.zeros(6, 4, 6, 6)), {}),
    "kernel too large dilated": ((X, W), {"dilation": 3}),
    "kernel empty": ((X, torch.zeros(6, 4, 0, 3)), {}),
    "input empty": ((X[:, :, :0], W), {}),
    "stride zero": ((X, W), {"stride": 0}),
    "stride one of two": ((X, W), {"stride": (1, 0)}),
    "stride three": ((X, W), {"stride": (1, 1, 1)}),
    "stride huge": ((X, W), {"stride": 2**70}),
    "padding negative": ((X, W), {"padding": -1}),
    "padding name": ((X, W), {"padding": "some"}),
    "padding same strided": ((X, W), {"padding": "same", "stride": 2}),
    "padding same channels": ((X, W[:, :3]), {"padding": "same"}),
    "dilation zero": ((X, W), {"dilation": 0}),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls(name: str, device: str) -> None:
    args, kwargs = BAD_CALLS[name]
    assert_same_error(tuple(on(device, a) for a in args), kwargs)


# PyTorch's text goes on to list the arguments as they were passed, by position or by name, which a
# function written in Python cannot know.
WRONG_TYPES = {
    "input list": (([1.0], W), {}),
    "weight None": ((X, None), {}),
    "bias number": ((X, W, 1.0), {}),
    "stride float": ((X, W), {"stride": 1.5}),
    "stride None": ((X, W), {"stride": None}),
}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_wrong_types(name: str) -> None:
    args, kwargs = WRONG_TYPES[name]
    (our_type, our_text), (torch_type, torch_text) = (
        outcome(lambda c=c: c(*args, **kwargs)) for c in (conv2d, F.conv2d)
    )
    assert our_type is torch_type
    assert our_text.split(" - got ")[0] == torch_text.split(" - got ")[0]


@pytest.mark.parametrize(
    "kwargs",
    [
        {"groups": 3},
        {"padding_mode": "none"},
        {"padding": "some"},
        {"stride": 2, "padding": "same"},
    ],
    ids=str,
)
def test_constructor(kwargs: dict) -> None:
    torchs = outcome(lambda: torch.nn.Conv2d(4, 6, 3, **kwargs))
    assert torchs is not None
    assert outcome(lambda: convwright.nn.Conv2d(4, 6, 3, **kwargs)) == torchs


@pytest.mark.parametrize("input", [X[:, :3], X[0, 0], X.double(), X[:, :, :1]])
def test_layer(input: torch.Tensor) -> None:
    torchs = outcome(lambda: torch.nn.Conv2d(4, 6, 3)(input))
    assert torchs is not None
    assert outcome(lambda: convwright.nn.Conv2d(4, 6, 3)(input)) == torchs
