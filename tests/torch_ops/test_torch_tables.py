# SPDX-License-Identifier: Apache-2.0
"""PyTorch's own tables of samples and of bad arguments, for its conv2d and its Conv2d.

Samples are rounded to small integers, so that results of every order are exact in float32.
"""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from cases import FORMATS
from test_conv2d_errors import assert_same_error, on
from test_nn import both
from torch import Tensor

from convwright.functional import conv2d

pytest.importorskip("expecttest", reason="PyTorch's tables need it")

from torch.testing._internal import composite_compliance
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.opinfo.core import SampleInput
from torch.testing._internal.optests import aot_autograd_check, fake_check, make_fx_check

(OP_INFO,) = [op for op in op_db if op.name == "nn.functional.conv2d"]
(MODULE_INFO,) = [info for info in module_db if info.module_cls is torch.nn.Conv2d]
ERROR_INPUTS = list(OP_INFO.error_inputs("cpu"))

pytestmark = pytest.mark.filterwarnings(
    "ignore:Using padding='same' with even kernel lengths",
    "ignore:Input #. requires gradient and is not a double precision",
)


def float32(value: object) -> object:
    is_double = isinstance(value, Tensor) and value.dtype == torch.float64
    return value.float() if is_double else value


def small_integers(tensor: Tensor) -> Tensor:
    """The same strides and requires_grad, with values in [-3, 3]."""
    with torch.no_grad():
        return tensor.copy_((tensor.real if tensor.is_complex() else tensor).round().clamp(-3, 3))


def samples(
    device: str, dtype: torch.dtype = torch.float32, requires_grad: bool = False
) -> Iterator[SampleInput]:
    for sample in OP_INFO.sample_inputs(device, dtype, requires_grad):
        yield sample.transform(
            lambda x: small_integers(x) if isinstance(x, Tensor) and dtype != torch.int64 else x
        )


def call(convolution: Callable, sample: SampleInput) -> Tensor:
    return convolution(sample.input, *sample.args, **sample.kwargs)


def operands(sample: SampleInput) -> list[Tensor]:
    return [t for t in (sample.input, *sample.args) if isinstance(t, Tensor)]


def assert_equal(ours: list[Tensor], torchs: list[Tensor]) -> None:
    """To the last bit, and with the same strides."""
    torch.testing.assert_close(ours, torchs, rtol=0, atol=0, check_stride=True)


@pytest.mark.parametrize("convert", [lambda x: x, float32], ids=["as listed", "float32"])
@pytest.mark.parametrize("index", range(len(ERROR_INPUTS)))
def test_errors(index: int, convert, device: str) -> None:
    sample = ERROR_INPUTS[index].sample_input
    args = [on(device, convert(a)) for a in (sample.input, *sample.args)]
    kwargs = {name: on(device, value) for name, value in sample.kwargs.items()}
    assert_same_error(args, kwargs)


@pytest.mark.parametrize("dtype", sorted(OP_INFO.dtypes, key=str), ids=str)
def test_samples(dtype: torch.dtype, device: str) -> None:
    if dtype not in OP_INFO.supported_dtypes(device):
        pytest.skip(f"PyTorch has no {dtype} convolution on {device}")
    for sample in samples(device, dtype):
        for variant in (sample, sample.noncontiguous()):
            assert_equal([call(conv2d, variant)], [call(F.conv2d, variant)])


@pytest.mark.parametrize("contiguous", [True, False])
def test_gradients_of_first_and_second_order(contiguous: bool, device: str) -> None:
    for sample in samples(device, requires_grad=True):
        variant = sample if contiguous else sample.noncontiguous()
        results = []
        for convolution in (conv2d, F.conv2d):
            leaves = operands(variant)
            output = call(convolution, variant)
            grad_output = torch.ones_like(output, requires_grad=True)
            first = torch.autograd.grad(output, leaves, grad_output, create_graph=True)
            # Weights that differ, so that a transposed gradient would show.
            total = sum(
                (g * (torch.arange(g.numel()).view(g.shape).to(g) % 3)).sum() for g in first
            )
            second = torch.autograd.grad(total, (*leaves[:2], grad_output), materialize_grads=True)
            results.append([output.detach(), *(g.detach() for g in first), *second])
        first_order = len(results[0]) - 3
        assert_equal(*(r[:first_order] for r in results))
        torch.testing.assert_close(*(r[first_order:] for r in results), rtol=0, atol=0)


def test_forward_mode(device: str) -> None:
    for sample in samples(device):
        tensors = operands(sample)
        tangents = tuple(t.flip(0) + 1 for t in tensors)
        results = []
        for convolution in (conv2d, F.conv2d):

            def function(*values: Tensor, f=convolution, options=sample.kwargs) -> Tensor:
                bias = values[2] if len(values) == 3 else None
                return f(*values[:2], bias, **options)

            results.append(list(torch.func.jvp(function, tuple(tensors), tangents)))
        torch.testing.assert_close(*results, rtol=0, atol=0)


def test_composite_compliance() -> None:
    """Subclasses that see aten alone, in every mixture with plain tensors, forward and backward."""
    exact = partial(torch.testing.assert_close, rtol=0, atol=0)
    for sample in samples("cpu", requires_grad=True):
        args = (sample.input, *sample.args)
        composite_compliance.check_with_mode(conv2d, args, sample.kwargs, exact)
        composite_compliance.check_all_permutations(conv2d, args, sample.kwargs, exact)
        composite_compliance.check_backward_formula(
            conv2d, args, sample.kwargs, assert_equal_fn=exact
        )


def test_fake_tensors_and_traces() -> None:
    for sample in samples("cpu"):
        args = (sample.input, *sample.args)
        fake_check(conv2d, args, sample.kwargs)
        make_fx_check(conv2d, args, sample.kwargs, "real")
        make_fx_check(conv2d, args, sample.kwargs, "symbolic")


# Two samples of all, with and without groups: each takes 2 s with symbolic sizes.
@pytest.mark.parametrize(
    "chosen", [slice(2, 18, 14), pytest.param(slice(None), marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("dynamic", [False, True])
def test_ahead_of_time_autograd(dynamic: bool, chosen: slice) -> None:
    for sample in list(samples("cpu", requires_grad=True))[chosen]:
        aot_autograd_check(conv2d, (sample.input, *sample.args), sample.kwargs, dynamic)


def modules(device: str, dtype: torch.dtype = torch.float32) -> Iterator[tuple]:
    """(our layer, PyTorch's, input) of each sample of the table, on small integers."""
    for sample in MODULE_INFO.module_inputs_func(
        MODULE_INFO, device=device, dtype=dtype, requires_grad=True, training=True
    ):
        layers = both(*sample.constructor_input.args, **sample.constructor_input.kwargs)
        for layer in layers:
            layer.to(device, dtype)
            for parameter in layer.parameters():
                small_integers(parameter.data.mul_(9))
        (input,) = sample.forward_input.args
        yield *layers, small_integers(input)


def results_and_gradients(layer: torch.nn.Module, input: Tensor) -> list[Tensor]:
    input = input.detach().clone().requires_grad_()
    output = layer(input)
    output.sum().backward()
    return [output.detach(), input.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64], ids=str)
@pytest.mark.filterwarnings("ignore:Complex modules are a new feature")
def test_modules(dtype: torch.dtype, device: str) -> None:
    for ours, torchs, input in modules(device, dtype):
        if dtype.is_complex:
            assert_equal([ours(input)], [torchs(input)])
        else:
            assert_equal(results_and_gradients(ours, input), results_and_gradients(torchs, input))


@pytest.mark.parametrize("module_format", FORMATS)
@pytest.mark.parametrize("input_format", FORMATS)
def test_memory_formats_of_modules(input_format: str, module_format: str, device: str) -> None:
    for ours, torchs, input in modules(device):
        if input.dim() == 4:
            input = input.detach().contiguous(memory_format=FORMATS[input_format])
        results = [
            results_and_gradients(layer.to(memory_format=FORMATS[module_format]), input)
            for layer in (ours, torchs)
        ]
        assert_equal(*results)


def test_factory_arguments_of_modules(device: str) -> None:
    for sample in MODULE_INFO.module_inputs_func(
        MODULE_INFO, device=device, dtype=torch.float64, requires_grad=False, training=True
    ):
        args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
        layers = both(*args, **kwargs, device=device, dtype=torch.float64)
        (input,) = sample.forward_input.args
        assert_equal(*([layer(input)] for layer in layers))
        meta = both(*args, **kwargs, device="meta")
        for layer in meta:
            layer.to_empty(device=device).load_state_dict(layers[0].float().state_dict())
        torch.testing.assert_close(*(layer(input.float()) for layer in meta))
        assert repr(meta[0]) == repr(meta[1])
