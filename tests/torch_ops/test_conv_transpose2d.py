# SPDX-License-Identifier: Apache-2.0
"""conv_transpose2d, ConvTranspose2d in the place of PyTorch's: exact results, errors, kernels."""

import itertools
from collections.abc import Iterator
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from cases import FORMATS, memory_order
from test_conv2d_errors import outcome
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

import convwright
from convwright.functional import conv_transpose2d

BOTH = (conv_transpose2d, F.conv_transpose2d)


def integers(*sizes: int) -> Tensor:
    return torch.randint(-3, 4, sizes).float()


# Sizes of input and weight, options.
CALLS = {
    "defaults": ((2, 4, 5, 6), (4, 6, 3, 3), {}),
    "unbatched": ((4, 5, 6), (4, 6, 3, 3), {"padding": 1}),
    "doubled": ((2, 16, 7, 9), (16, 8, 4, 4), {"stride": 2, "padding": 1}),
    "windows apart": ((2, 4, 5, 6), (4, 6, 2, 3), {"stride": (4, 5)}),
    "output padding": ((2, 4, 5, 6), (4, 6, 3, 3), {"stride": (2, 3), "output_padding": (1, 2)}),
    # More than a stride: rows that no window of the convolution reaches.
    "output padding of the dilation": (
        (2, 4, 5, 6), (4, 6, 3, 3), {"stride": (1, 2), "dilation": 4, "output_padding": (2, 3)},
    ),
    "crops": ((2, 4, 9, 8), (4, 6, 3, 3), {"padding": (3, 2)}),
    "dilation": ((2, 4, 5, 6), (4, 6, 3, 2), {"dilation": (2, 3), "stride": 2}),
    "groups": ((2, 4, 5, 6), (4, 3, 3, 3), {"groups": 2, "stride": 2}),
    "depthwise": ((2, 16, 9, 8), (16, 1, 3, 3), {"groups": 16, "padding": 1}),
    "1x1": ((2, 9, 5, 4), (9, 17, 1, 1), {}),
    "one value": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "lists": ((2, 4, 5, 6), (4, 6, 3, 3), {"stride": [2], "padding": [1, 1]}),
    "empty batch": ((0, 4, 5, 6), (4, 6, 3, 3), {}),
}  # fmt: skip


def results(function, sizes, filters, options, formats=("nchw", "nchw")) -> list[Tensor]:
    """Output, and the gradients of input, weight and bias."""
    torch.manual_seed(0)
    input, weight = integers(*sizes), integers(*filters)
    if input.dim() == 4:
        input = input.contiguous(memory_format=FORMATS[formats[0]])
    weight = weight.contiguous(memory_format=FORMATS[formats[1]])
    bias = integers(filters[1] * options.get("groups", 1))
    leaves = [t.requires_grad_() for t in (input, weight, bias)]
    output = function(*leaves, **options)
    output.backward(torch.arange(output.numel()).view(output.shape) % 5 - 2.0)
    return [output.detach(), *(t.grad for t in leaves)]


@pytest.mark.parametrize("formats", list(itertools.product(FORMATS, FORMATS)), ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_equals_torch(name: str, formats: tuple[str, str]) -> None:
    ours, torchs = (results(f, *CALLS[name], formats) for f in BOTH)
    torch.testing.assert_close(ours, torchs, rtol=0, atol=0)
    assert [memory_order(t) for t in ours[:2]] == [memory_order(t) for t in torchs[:2]]


@pytest.mark.parametrize("name", CALLS)
def test_without_gradient_and_without_bias(name: str) -> None:
    sizes, filters, options = CALLS[name]
    input, weight = integers(*sizes), integers(*filters)
    with torch.no_grad():
        assert torch.equal(*(f(input, weight, **options) for f in BOTH))


X, W, B = torch.zeros(2, 4, 5, 5), torch.zeros(4, 6, 3, 3), torch.zeros(6)
BAD_CALLS = {
    "channels": ((X, W[:3]), {}),
    "groups do not divide": ((X, W), {"groups": 3}),
    "groups zero": ((X, W), {"groups": 0}),
    "bias size": ((X, W, B[:5]), {}),
    "bias dimensions": ((X, W, B[None]), {}),
    "weight dtype": ((X, W.double()), {}),
    "weight dimensions": ((X, W[0]), {}),
    "input dimensions": ((X[None], W), {}),
    "input one dimension": ((X[0, 0, 0], W), {}),
    "padding too large": ((X, W), {"padding": 4}),
    "padding negative": ((X, W), {"padding": -1}),
    "padding name": ((X, W, B, 1, "same"), {}),
    "output padding of a stride": ((X, W), {"output_padding": 1}),
    "output padding negative": ((X, W), {"output_padding": -1}),
    "stride zero": ((X, W), {"stride": 0}),
    "stride three": ((X, W), {"stride": (1, 1, 1)}),
    "stride fraction": ((X, W, B, 1.5), {}),
    "dilation zero": ((X, W), {"dilation": 0}),
    "nothing": ((None, W), {}),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_errors(name: str) -> None:
    args, kwargs = BAD_CALLS[name]
    ours, torchs = (outcome(lambda f=f: f(*args, **kwargs)) for f in BOTH)
    assert ours == torchs is not None


@pytest.mark.filterwarnings("ignore:Input #. requires gradient and is not a double precision")
def test_derivatives_of_both_orders_and_forward_mode() -> None:
    leaves = [t.requires_grad_() for t in (integers(1, 2, 3, 2), integers(2, 1, 2, 3), integers(2))]
    function = partial(conv_transpose2d, stride=(2, 1), output_padding=(1, 0), groups=2)
    # Linear in each operand: a central difference is exact with any step, and integers in float32.
    exact = {"eps": 1.0, "atol": 1e-3, "rtol": 1e-4}
    assert gradcheck(function, leaves, check_forward_ad=True, check_batched_grad=True, **exact)
    assert gradgradcheck(function, leaves, check_fwd_over_rev=True, **exact)


A, V = integers(2, 4, 5, 5), integers(4, 6, 3, 3)
TRANSFORMED = {
    "grad": lambda f: torch.func.grad(lambda w: f(A, w).square().sum())(V),
    "jvp": lambda f: torch.func.jvp(lambda w: f(A, w), (V,), (V + 1,))[1],
    "vmap": lambda f: torch.vmap(f, (None, 0))(A, torch.stack([V, -V])),
    "vmap of the bias": lambda f: torch.vmap(f, (None, None, 0))(A, V, integers(3, 6).abs()),
    "compiled": lambda f: torch.compile(f, fullgraph=True, backend="aot_eager")(A, V),
    "compiled jvp": lambda f: torch.compile(TRANSFORMED["jvp"], backend="eager")(f),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transforms(name: str) -> None:
    torch.compiler.reset()
    made = []
    for function in BOTH:
        torch.manual_seed(0)
        made.append(TRANSFORMED[name](function))
    torch.testing.assert_close(*made, rtol=0, atol=0)


@pytest.mark.parametrize("dynamic", [False, True])
def test_compiled_layer_trains_as_pytorchs(dynamic: bool) -> None:
    torch.compiler.reset()
    made = []
    for module in (convwright.nn, torch.nn):
        torch.manual_seed(0)
        layer = module.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1)
        compiled = torch.compile(layer, fullgraph=True, dynamic=dynamic, backend="aot_eager")
        x = torch.randn(2, 4, 5, 6, requires_grad=True)
        compiled(x).square().sum().backward()
        made.append((x.grad, layer.weight.grad, layer.bias.grad))
    torch.testing.assert_close(*made)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(dtype: torch.dtype, groups: int) -> None:
    with torch.autocast("cpu", dtype):
        ours, torchs = (f(A, V[:, : 6 // groups], groups=groups) for f in BOTH)
    assert ours.dtype == torchs.dtype == dtype
    torch.testing.assert_close(ours, torchs)


def layers(*args, **kwargs) -> list[torch.nn.ConvTranspose2d]:
    made = []
    for module in (convwright.nn, torch.nn):
        torch.manual_seed(0)
        made.append(module.ConvTranspose2d(*args, **kwargs))
    return made


def test_layer() -> None:
    ours, torchs = layers(4, 6, 3, stride=2, padding=1)
    assert str(ours) == str(torchs)
    assert ours.state_dict().keys() == torchs.state_dict().keys()
    for size in (None, (9, 10), (2, 6, 10, 9)):
        torch.testing.assert_close(ours(A, output_size=size), torchs(A, output_size=size))
    errors = [outcome(lambda layer=layer: layer(A, output_size=(5, 5))) for layer in (ours, torchs)]
    assert errors[0] == errors[1] is not None
    torch.testing.assert_close(torch.jit.script(ours)(A), torchs(A))
    modes = [outcome(lambda m=m: m.ConvTranspose2d(1, 1, 1, padding_mode="reflect"))
             for m in (convwright.nn, torch.nn)]  # fmt: skip
    assert modes[0] == modes[1] is not None


def test_converted_layer_runs_kernels_in_all_directions() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3), torch.nn.ConvTranspose2d(4, 6, 3))
    rows = convwright.explain(model[1:], A).rows
    assert [row.reason for row in rows] == ["ConvTranspose2d is not convwright.nn.ConvTranspose2d"]
    assert convwright.convert_(model).converted == 2
    rows = convwright.explain(model, A).rows
    assert [(row.layer, row.direction) for row in rows] == [
        ("0", "fprop"),
        ("1", "dgrad"),
        ("1", "fprop"),
        ("1", "wgrad"),
        ("0", "wgrad"),
    ]
    assert not [row for row in rows if row.kernel == "PyTorch"]
    (row,) = convwright.explain(model[1:].double(), A.double()).rows
    assert row.reason == "dtype is torch.float64, kernels are float32"


class TestTables:
    """PyTorch's own tables of samples and modules, on small integers."""

    @staticmethod
    def exact(x: object) -> object:
        if not isinstance(x, Tensor) or x.dtype == torch.int64:
            return x
        with torch.no_grad():
            return x.copy_((x.real if x.is_complex() else x).round().clamp(-3, 3))

    def samples(self, dtype: torch.dtype, requires_grad: bool = False) -> Iterator:
        pytest.importorskip("expecttest", reason="PyTorch's tables need it")
        from torch.testing._internal.common_methods_invocations import op_db

        (info,) = (op for op in op_db if op.name == "nn.functional.conv_transpose2d")
        for sample in info.sample_inputs("cpu", dtype, requires_grad):
            for variant in (sample, sample.noncontiguous()):
                yield variant.transform(self.exact)

    @pytest.mark.parametrize(
        "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64, torch.int64]
    )
    def test_samples(self, dtype: torch.dtype) -> None:
        for sample in self.samples(dtype):
            ours, torchs = (f(sample.input, *sample.args, **sample.kwargs) for f in BOTH)
            torch.testing.assert_close(ours, torchs, rtol=0, atol=0, check_stride=True)

    def test_gradients(self) -> None:
        for sample in self.samples(torch.float32, requires_grad=True):
            leaves = [t for t in (sample.input, *sample.args) if isinstance(t, Tensor)]
            made = []
            for function in BOTH:
                output = function(sample.input, *sample.args, **sample.kwargs)
                made.append(torch.autograd.grad(output, leaves, torch.ones_like(output)))
            torch.testing.assert_close(*made, rtol=0, atol=0, check_stride=True)

    def test_modules(self) -> None:
        pytest.importorskip("expecttest", reason="PyTorch's tables need it")
        from torch.testing._internal.common_modules import module_db

        (info,) = (i for i in module_db if i.module_cls is torch.nn.ConvTranspose2d)
        for sample in info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=True, training=True
        ):
            made = []
            (x,) = sample.forward_input.args
            input = self.exact(x.detach())
            for layer in layers(*sample.constructor_input.args, **sample.constructor_input.kwargs):
                for parameter in layer.parameters():
                    self.exact(parameter.data.mul_(9))
                leaf = input.clone().requires_grad_()
                output = layer(leaf)
                output.sum().backward()
                made.append([output.detach(), leaf.grad, *(p.grad for p in layer.parameters())])
            torch.testing.assert_close(*made, rtol=0, atol=0, check_stride=True)
