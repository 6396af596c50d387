# SPDX-License-Identifier: Apache-2.0
"""The raw operators: opcheck, fake kernels, direct use."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from cases import FORMATS, NOT_EMPTY, Case, assert_same, tensors, weights_with_gaps
from torch._subclasses.fake_tensor import FakeTensorMode

ops = torch.ops.convwright
DIRECTIONS = ("fprop", "dgrad", "wgrad")
FAKE_CHECKS = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
LAYOUTS = {
    **FORMATS,
    "expanded": None,
    "strided": None,
}


def arguments(
    direction: str,
    case: Case,
    input_layout: str,
    weight_layout: str = "nchw",
    device: str = "cpu",
) -> tuple:
    """What conv2d_<direction> takes, with input (and grad_output) in the layout named."""
    t = tensors(case, weight_format=weight_layout).to(device)
    lay_out = {
        "nchw": lambda x: x,
        "nhwc": lambda x: x.contiguous(memory_format=torch.channels_last),
        "expanded": lambda x: x[:, :1].expand_as(x),
        "strided": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
    }[input_layout]
    input, grad_output = lay_out(t.input), lay_out(t.grad_output)
    if direction == "fprop":
        return input, t.weight, t.bias, *case.geometry
    return grad_output, input, t.weight, *case.geometry


def call(direction: str, args: tuple) -> torch.Tensor:
    return getattr(ops, f"conv2d_{direction}")(*args)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_opcheck(direction: str, layout: str, device: str) -> None:
    args = arguments(direction, Case(), layout, device=device)
    # dgrad reads of its input, and wgrad of its weight, only sizes: no gradient flows there.
    sizes_only = {"fprop": None, "dgrad": 1, "wgrad": 2}[direction]
    args = tuple(
        a.clone(memory_format=torch.preserve_format).requires_grad_(i != sizes_only)
        if isinstance(a, torch.Tensor)
        else a
        for i, a in enumerate(args)
    )
    torch.library.opcheck(getattr(ops, f"conv2d_{direction}").default, args)


AMBIGUOUS = [
    Case(channels=(1, 4)),
    Case(channels=(1, 1)),
    Case(channels=(4, 1)),
    Case(size=(1, 1)),
    Case(size=(1, 1), channels=(1, 1), kernel=(1, 1), padding=(0, 0)),
    Case(size=(3, 3), padding=(0, 0)),
    Case(kernel=(1, 1), padding=(0, 0)),
    Case(groups=3, channels=(3, 3)),
    Case(batch=1),
]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("case", [Case(), Case(stride=(2, 1)), *AMBIGUOUS], ids=str)
def test_real_strides_equal_fake(case: Case, direction: str, device: str) -> None:
    for layout, weight_layout in itertools.product(LAYOUTS, FORMATS):
        args = arguments(direction, case, layout, weight_layout, device)
        real = call(direction, args)
        with FakeTensorMode() as mode:
            fake_args = [mode.from_tensor(a) if isinstance(a, torch.Tensor) else a for a in args]
            fake = call(direction, fake_args)
        assert (fake.shape, fake.device) == (real.shape, real.device)
        assert fake.stride() == real.stride(), (layout, weight_layout)


@pytest.mark.parametrize("name", weights_with_gaps())
@pytest.mark.parametrize("input_layout", FORMATS)
def test_gradients_of_weights_with_gaps(input_layout: str, name: str, device: str) -> None:
    weight = weights_with_gaps()[name].to(device)
    args = arguments("wgrad", Case(channels=(4, 8)), input_layout, device=device)
    grad_output, input, dense, *geometry = args
    real = ops.conv2d_wgrad(grad_output, input, weight, *geometry)
    assert torch.equal(real, ops.conv2d_wgrad(grad_output, input, dense, *geometry))
    assert real.stride() == torch.empty_like(weight).stride()
    torch.library.opcheck(
        ops.conv2d_wgrad.default, (grad_output, input, weight, *geometry), test_utils=FAKE_CHECKS
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
@pytest.mark.parametrize("case", [Case(), Case(kernel=(1, 1)), Case(batch=0)], ids=str)
@pytest.mark.parametrize("weight_layout", FORMATS)
@pytest.mark.parametrize("input_layout", FORMATS)
def test_gradients_by_aten_have_the_weights_strides(
    input_layout: str, weight_layout: str, case: Case, dtype: torch.dtype, device: str
) -> None:
    args = arguments("wgrad", case, input_layout, weight_layout, device)
    grad_output, input, weight = (a.to(dtype) for a in args[:3])
    gradient = ops.conv2d_wgrad(grad_output, input, weight, *args[3:])
    assert gradient.stride() == weight.stride()
    expected = ops.conv2d_wgrad(*(a.float() for a in (grad_output, input, weight)), *args[3:])
    assert torch.equal(gradient, expected.to(dtype))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_meta(direction: str) -> None:
    args = arguments(direction, Case(), "nhwc")
    meta = call(direction, [a.to("meta") if isinstance(a, torch.Tensor) else a for a in args])
    real = call(direction, args)
    assert (meta.shape, meta.stride()) == (real.shape, real.stride())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_other_dtypes_reach_aten(direction: str, dtype: torch.dtype, device: str) -> None:
    args = arguments(direction, Case(channels=(2, 2), size=(3, 3)), "nchw", device=device)
    narrow = [a.to(dtype) if isinstance(a, torch.Tensor) else a for a in args]
    actual = call(direction, narrow)
    assert actual.dtype == dtype
    torch.testing.assert_close(actual, call(direction, args).to(dtype))


@pytest.mark.parametrize("case", NOT_EMPTY[:12], ids=str)
def test_autograd_of_the_raw_operator(case: Case, device: str) -> None:
    t = tensors(case).to(device).requires_grad_()
    wide = t.double().requires_grad_()
    output = ops.conv2d_fprop(*t.operands, *case.geometry)
    expected = F.conv2d(*wide.operands, *case.geometry)
    assert_same(
        t,
        (output, *torch.autograd.grad(output, t.leaves(), t.grad_output)),
        (expected, *torch.autograd.grad(expected, wide.leaves(), wide.grad_output)),
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_vmap_of_the_raw_operator(direction: str, device: str) -> None:
    args = arguments(direction, Case(), "nchw", device=device)
    batched = [torch.stack([a, a + 1]) if isinstance(a, torch.Tensor) else a for a in args]
    dims = tuple(0 if isinstance(a, torch.Tensor) else None for a in args)
    actual = torch.vmap(getattr(ops, f"conv2d_{direction}"), dims)(*batched)
    for i in range(2):
        one = [a[i] if isinstance(a, torch.Tensor) else a for a in batched]
        assert torch.equal(actual[i], call(direction, one))


@pytest.mark.parametrize("case", NOT_EMPTY, ids=str)
def test_problem_string_round_trips(case: Case) -> None:
    t = tensors(case, "nhwc", "nhwc")
    problem = ops.problem(t.input, t.weight, case.bias, *case.geometry, "fprop")
    pairs = (*case.stride, *case.padding, *case.dilation)
    ci, co = case.channels
    sizes = (case.batch, ci, *case.size, co, *case.kernel)
    fields = ops.parse_problem(problem)
    assert tuple(fields[:-4]) == (0, *sizes, *pairs, case.groups)
    _, bias, dtype, relu = fields[-4:]
    assert (bias, dtype, relu) == (case.bias, 0, 0)
