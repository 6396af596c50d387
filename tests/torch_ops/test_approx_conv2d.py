# SPDX-License-Identifier: Apache-2.0
"""The approximate operators against the scalar reference, to the last bit."""

import pytest
import torch
import torch.nn.functional as F
from cases import FORMATS, Case, memory_order, tensors, weights_with_gaps
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

import convwright
from convwright.bench import approx_reference as oracle
from convwright.functional import approx_conv2d

ops = torch.ops.convwright
# Their sums are taken in the stated order; exact and operand transforms have the exact kernels'.
ORDERED = ["mbm", "mbm(16)", "mitchell", "realm(4)", "lmul", "lmul(3)", "pam", "ax_fpm", "roba"]
TRANSFORMS = ["exact", "drum(4)", "truncate(5)"]
CASES = [
    Case(),
    Case(kernel=(1, 1), padding=(0, 0), stride=(2, 2)),
    Case(kernel=(2, 4), padding=(1, 2), stride=(1, 2)),
    Case(stride=(3, 2), padding=(0, 1)),
    Case(dilation=(2, 3), padding=(2, 3)),
    Case(groups=2, channels=(4, 6), batch=3),
    Case(groups=4, channels=(4, 8)),
    Case(channels=(17, 33), size=(4, 5), bias=False),
    Case(padding=(4, 5)),
]


def reals(seed: int = 0, zeros: float = 0.3):
    """Draws of all signs over a few binades, `zeros` of them 0 as after a ReLU."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*sizes: int) -> torch.Tensor:
        values = torch.randn(sizes, generator=generator)
        return values * (torch.rand(sizes, generator=generator) >= zeros)

    return draw


def assert_equals_oracle(t, multiplier: str, number_format: str = "float32") -> None:
    model = {"multiplier": multiplier, "number_format": number_format}
    geometry = t.case.geometry
    actual = ops.approx_conv2d_fprop(*t.operands, *geometry, multiplier, number_format)
    assert torch.equal(actual, oracle.fprop(*t.operands, *geometry, **model))
    backward = (t.grad_output, t.input, t.weight, *geometry)
    actual = ops.approx_conv2d_dgrad(*backward, multiplier, number_format)
    assert torch.equal(actual, oracle.dgrad(*backward, **model))
    actual = ops.approx_conv2d_wgrad(*backward, multiplier, number_format)
    assert torch.equal(actual, oracle.wgrad(*backward, **model))


@pytest.mark.parametrize("multiplier", ["mbm", "ax_fpm"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_geometry(case: Case, multiplier: str) -> None:
    assert_equals_oracle(tensors(case, draw=reals()), multiplier)


@pytest.mark.parametrize("number_format", ["float32", "bfloat16"])
@pytest.mark.parametrize("multiplier", ORDERED)
def test_every_multiplier(multiplier: str, number_format: str) -> None:
    if number_format not in convwright.multipliers.parse(multiplier).number_formats:
        pytest.skip(f"{multiplier} has no {number_format}")
    case = Case(groups=2, channels=(4, 6), size=(4, 5), kernel=(3, 2))
    assert_equals_oracle(tensors(case, draw=reals()), multiplier, number_format)


@pytest.mark.parametrize("multiplier", TRANSFORMS)
def test_transforms_on_integers(multiplier: str) -> None:
    """Their products and sums are exact in float32, so that the order does not matter."""
    assert_equals_oracle(tensors(Case(groups=2, channels=(4, 6))), multiplier)


@pytest.mark.parametrize("weight_format", FORMATS)
@pytest.mark.parametrize("input_format", FORMATS)
def test_memory_formats(input_format: str, weight_format: str) -> None:
    t = tensors(Case(channels=(4, 8)), input_format, weight_format, draw=reals())
    assert_equals_oracle(t, "mbm")
    exact = F.conv2d(*t.operands, *t.case.geometry)
    actual = ops.approx_conv2d_fprop(*t.operands, *t.case.geometry, "mbm", "float32")
    assert memory_order(actual) == memory_order(exact)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_random_geometry(data: st.DataObject) -> None:
    numbers = lambda least, most: st.tuples(*[st.integers(least, most)] * 2)  # noqa: E731
    groups = data.draw(st.integers(1, 3))
    kernel, dilation = data.draw(numbers(1, 4)), data.draw(numbers(1, 2))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    case = Case(
        channels=(groups * data.draw(st.integers(1, 5)), groups * data.draw(st.integers(1, 5))),
        size=tuple(r + data.draw(st.integers(0, 4)) for r in reach),
        kernel=kernel,
        stride=data.draw(numbers(1, 3)),
        padding=data.draw(numbers(0, 2)),
        dilation=dilation,
        groups=groups,
        batch=data.draw(st.integers(1, 3)),
        bias=data.draw(st.booleans()),
    )
    draw = reals(data.draw(st.integers(0, 99)), zeros=data.draw(st.sampled_from([0.0, 0.5, 0.9])))
    assert_equals_oracle(tensors(case, draw=draw), data.draw(st.sampled_from(["mbm", "lmul(7)"])))


def result_with_fake_strides(
    direction: str, operands: tuple, case: Case, multiplier: str = "mbm"
) -> torch.Tensor:
    """What the operator gives, whose sizes and strides must be those that its fake kernel says."""
    convwright.multipliers.parse(multiplier)  # registers the operators
    op = getattr(ops, f"approx_conv2d_{direction}")
    real = op(*operands, *case.geometry, multiplier, "float32")
    with FakeTensorMode() as mode:
        fakes = [None if a is None else mode.from_tensor(a) for a in operands]
        fake = op(*fakes, *case.geometry, multiplier, "float32")
    assert (fake.shape, fake.stride()) == (real.shape, real.stride())
    return real


@pytest.mark.parametrize("direction", ["fprop", "dgrad", "wgrad"])
def test_fake_kernels_have_the_strides_of_real_ones(direction: str) -> None:
    for input_format in FORMATS:
        t = tensors(Case(channels=(4, 8)), input_format, "nchw", draw=reals())
        first = t.operands if direction == "fprop" else (t.grad_output, t.input, t.weight)
        result_with_fake_strides(direction, first, t.case)


@pytest.mark.parametrize("multiplier", ["mbm", "drum(4)"])
@pytest.mark.parametrize("name", weights_with_gaps())
def test_gradients_of_weights_with_gaps(name: str, multiplier: str) -> None:
    t = tensors(Case(channels=(4, 8)))
    found = [
        result_with_fake_strides("wgrad", (t.grad_output, t.input, weight), t.case, multiplier)
        for weight in (t.weight, weights_with_gaps()[name])
    ]
    assert torch.equal(*found)


@pytest.mark.parametrize("grad_format", FORMATS)
def test_gradients_of_an_input_that_stands_for_sizes(grad_format: str) -> None:
    t = tensors(Case(channels=(4, 8)))
    grad_output = t.grad_output.contiguous(memory_format=FORMATS[grad_format])
    found = [
        result_with_fake_strides("dgrad", (grad_output, input, t.weight), t.case)
        for input in (t.input, torch.zeros(()).expand(t.input.shape))
    ]
    assert torch.equal(*found)


def test_function_takes_what_conv2d_takes() -> None:
    """Unbatched input, padding by name, numbers for pairs."""
    t = tensors(Case())
    for kwargs in ({"padding": "same"}, {"padding": "valid", "stride": 2}, {"dilation": [2, 1]}):
        expected = F.conv2d(*t.operands, **kwargs)
        assert torch.equal(approx_conv2d(*t.operands, **kwargs, multiplier="exact"), expected)
    single = approx_conv2d(t.input[0], t.weight, t.bias, padding=1)
    assert torch.equal(single, approx_conv2d(*t.operands, padding=1)[0])


def test_bad_sizes_raise_what_pytorch_raises() -> None:
    t = tensors(Case())
    for arguments in (
        (t.input[:, :2], t.weight, t.bias),
        (t.input, t.weight, t.bias[:1]),
        (t.input, t.weight, t.bias, 0),
        (t.input, t.weight, t.bias, 1, -1),
        (t.input, t.weight, t.bias, 2, "same"),
        (t.input[0, 0], t.weight, t.bias),
    ):
        with pytest.raises((RuntimeError, ValueError)) as expected:
            F.conv2d(*arguments)
        with pytest.raises(type(expected.value)) as caught:
            approx_conv2d(*arguments)
        assert str(caught.value) == str(expected.value)


def test_other_dtypes_are_refused_not_computed_exactly() -> None:
    t = tensors(Case())
    with pytest.raises(
        TypeError, match=r"take float32 tensors on the CPU or a GPU, not torch\.float64"
    ):
        approx_conv2d(*(x.double() for x in t.operands))
    with torch.autocast("cpu", torch.bfloat16):
        actual = approx_conv2d(t.input.bfloat16(), t.weight, t.bias)
    assert torch.equal(actual, approx_conv2d(t.input.bfloat16().float(), t.weight, t.bias))
