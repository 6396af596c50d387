# SPDX-License-Identifier: Apache-2.0
"""conv1d and Conv1d in the place of PyTorch's: exact results, strides, errors, kernels."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from cases import memory_order
from test_conv2d_errors import outcome
from torch import Tensor

import convwright
from convwright.functional import conv1d


def integers(*sizes: int) -> Tensor:
    return torch.randint(-3, 4, sizes).float()


CALLS = {
    "defaults": ((2, 4, 9), (6, 4, 3), {}),
    "unbatched": ((4, 9), (6, 4, 3), {"padding": 1}),
    "strided": ((2, 4, 17), (16, 4, 5), {"stride": 3, "padding": (2,), "dilation": 2}),
    "same": ((2, 4, 9), (6, 4, 4), {"padding": "same", "dilation": [2]}),
    "valid": ((2, 4, 9), (6, 4, 3), {"padding": "valid", "stride": 2}),
    "groups": ((2, 4, 9), (6, 2, 3), {"groups": 2}),
    "depthwise": ((2, 32, 40), (32, 1, 7), {"groups": 32, "padding": 3}),
    "1": ((3, 16, 8), (16, 16, 1), {}),
    "empty batch": ((0, 4, 9), (6, 4, 3), {}),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("permuted", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_equals_torch(name: str, permuted: bool, device: str) -> None:
    sizes, filters, options = CALLS[name]
    input = integers(*sizes).to(device)
    if permuted:  # channels dense, as an [N, L, C] tensor seen as [N, C, L]
        input = input.transpose(-1, -2).contiguous().transpose(-1, -2)
    weight, bias = integers(*filters).to(device), integers(filters[0]).to(device)
    results = []
    for convolution in (conv1d, F.conv1d):
        leaves = [t.detach().clone().requires_grad_() for t in (weight, bias)]
        x = input.detach().requires_grad_()
        output = convolution(x, *leaves, **options)
        output.square().sum().backward()
        results.append([output.detach(), x.grad, *(leaf.grad for leaf in leaves)])
    torch.testing.assert_close(*results, rtol=0, atol=0)
    assert [memory_order(t) for t in results[0]] == [memory_order(t) for t in results[1]]


X, W = integers(2, 4, 9), integers(6, 4, 3)
BAD_CALLS = {
    "channels": ((X, W[:, :3]), {}),
    "two dimensions of weight": ((X, W[0]), {}),
    "two dimensions more": ((X[None, None], W), {}),
    "bias": ((X, W, integers(5)), {}),
    "stride of two": ((X, W), {"stride": (1, 1)}),
    "stride zero": ((X, W), {"stride": 0}),
    "kernel too large": ((X[..., :2], W), {}),
    "padding name": ((X, W), {"padding": "some"}),
    "same and strided": ((X, W), {"padding": "same", "stride": 2}),
    "dtype": ((X, W.double()), {}),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_errors(name: str) -> None:
    args, kwargs = BAD_CALLS[name]
    ours, torchs = (outcome(lambda c=c: c(*args, **kwargs)) for c in (conv1d, F.conv1d))
    assert ours == torchs is not None


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
def test_layer(mode: str) -> None:
    layers = []
    for module in (convwright.nn, torch.nn):
        torch.manual_seed(0)
        layers.append(module.Conv1d(4, 6, 3, padding=1, padding_mode=mode))
    ours, torchs = layers
    assert str(ours) == str(torchs)
    assert ours.state_dict().keys() == torchs.state_dict().keys()
    torch.testing.assert_close(ours(X), torchs(X))
    torch.testing.assert_close(torch.jit.script(ours)(X), torchs(X))


def test_converted_layer_runs_kernels_in_both_directions() -> None:
    model = torch.nn.Sequential(torch.nn.Conv1d(4, 6, 3), torch.nn.ReLU(), torch.nn.Conv1d(6, 6, 3))
    assert convwright.convert_(model).converted == 2
    rows = convwright.explain(model, X).rows
    assert [(row.layer, row.direction) for row in rows] == [
        ("0", "fprop"),
        ("2", "fprop"),
        ("2", "dgrad"),
        ("2", "wgrad"),
        ("0", "wgrad"),
    ]
    assert not [row for row in rows if row.kernel == "PyTorch"]
    (row,) = convwright.explain(model[:1].double(), X.double()).rows
    assert row.reason == "dtype is torch.float64, kernels are float32"


TRANSFORMED = {
    "grad": lambda f: torch.func.grad(lambda w: f(X, w).square().sum())(W),
    "jvp": lambda f: torch.func.jvp(lambda w: f(X, w), (W,), (W + 1,))[1],
    "vmap": lambda f: torch.vmap(f, (None, 0))(X, torch.stack([W, -W])),
    "compiled": lambda f: torch.compile(f, fullgraph=True, backend="aot_eager")(X, W),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transforms(name: str) -> None:
    torch.compiler.reset()
    torch.testing.assert_close(*(TRANSFORMED[name](f) for f in (conv1d, F.conv1d)))


def test_autocast() -> None:
    for groups, dtype in itertools.product((1, 2), (torch.bfloat16, torch.float16)):
        weight = W[:, : 4 // groups].contiguous()
        with torch.autocast("cpu", dtype):
            results = [f(X, weight, groups=groups) for f in (conv1d, F.conv1d)]
        torch.testing.assert_close(*results)
