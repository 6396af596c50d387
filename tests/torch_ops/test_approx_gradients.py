# SPDX-License-Identifier: Apache-2.0
"""The kinds of backward of approximate layers in float formats, each against its reference."""

import pytest
import torch
import torch.nn.functional as F
from cases import Case, Tensors, gradients, tensors
from test_approx_conv2d import reals

import convwright
from convwright import _slopes, _windows
from convwright.bench import approx_reference as oracle
from convwright.functional import approx_conv2d, approx_linear
from convwright.multipliers import parse

CASES = [
    Case(),
    Case(kernel=(2, 4), padding=(1, 2), stride=(1, 2)),
    Case(dilation=(2, 3), padding=(2, 3), bias=False),
    Case(groups=2, channels=(4, 6), stride=(2, 1)),
    Case(kernel=(1, 1), padding=(0, 0)),
]
DERIVATIVE = ["mbm", "mbm(16)", "mitchell", "realm(4)", "lmul", "lmul(3)", "pam", "roba", "exact"]


def approximate(**settings):
    return lambda *args: approx_conv2d(*args, **settings)


@pytest.mark.parametrize("number_format", ["float32", "bfloat16"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_ste_has_the_exact_gradients(case: Case, number_format: str) -> None:
    t = tensors(case, draw=reals())
    _, *ours = gradients(approximate(multiplier="mbm", number_format=number_format), t)
    _, *exact = gradients(convwright.functional.conv2d, t)
    assert all(torch.equal(a, b) for a, b in zip(ours, exact, strict=True))


@pytest.mark.parametrize("multiplier", ["mbm", "ax_fpm"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_approx_multiplies_gradients_too(case: Case, multiplier: str) -> None:
    t = tensors(case, draw=reals())
    _, *ours = gradients(approximate(multiplier=multiplier, backward="approx"), t)
    arguments = (t.grad_output, t.input.detach(), t.weight.detach(), *case.geometry)
    expected = [oracle.dgrad(*arguments, multiplier=multiplier)]
    expected.append(oracle.wgrad(*arguments, multiplier=multiplier))
    if case.bias:
        expected.append(t.grad_output.sum((0, 2, 3)))
    assert all(torch.equal(a, b) for a, b in zip(ours, expected, strict=True))


@pytest.mark.parametrize("multiplier", DERIVATIVE)
def test_derivative_of_the_convolution(multiplier: str) -> None:
    """The chain rule over all pairs at once, in float64, with the slopes of the formula."""
    t = tensors(Case(groups=2, channels=(4, 6), stride=(2, 1)), draw=reals())
    _, *ours = gradients(approximate(multiplier=multiplier, backward="derivative"), t)
    expected = gradients(lambda *args: surrogate(multiplier, *args), t.double())[1:]
    for actual, reference in zip(ours, expected, strict=True):
        torch.testing.assert_close(actual, reference.float(), rtol=2e-5, atol=2e-5)


def surrogate(multiplier: str, input, weight, bias, *geometry) -> torch.Tensor:
    """A convolution, float64, whose product is the multiplier's without the truncation of its sum:
    differentiable by autograd between the jumps of pieces."""
    groups, (co, _, *kernel) = geometry[-1], weight.shape
    sizes = F.conv2d(input.to("meta"), weight.to("meta"), None, *geometry).shape
    activations = oracle.patches(input, tuple(kernel), geometry)
    weights = weight.reshape(1, groups, co // groups, *weight.shape[1:2], -1, 1)
    output = differentiable(parse(multiplier), activations, weights).sum((3, 4)).reshape(sizes)
    return output if bias is None else output + bias.reshape(-1, 1, 1)


def differentiable(multiplier, a: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Pa Pw times a line in x and y for the piece that the operands are in."""
    if multiplier.name == "exact":
        return a * w
    if multiplier.name == "roba":
        ar, wr = (_slopes.nearest_power(t.detach()) for t in (a, w))
        return ar * w + a * wr - ar * wr
    pa, pw = (_slopes.split(multiplier, t.detach()).power for t in (a, w))
    x = a / pa.masked_fill(pa == 0, 1) - 1
    y = w / pw.masked_fill(pw == 0, 1) - 1
    kept = [_slopes.split(multiplier, t.detach()).fraction for t in (a, w)]
    c = _slopes._correction(multiplier)
    octave = torch.exp2((kept[0] + kept[1] + c).floor())
    # A line through the piece; where it starts does not matter to its slope. Along a zero operand
    # the slope is that of x = 0.
    along_a = torch.where(pa == 0, a * pw, pa * pw * octave.detach() * x)
    along_w = torch.where(pw == 0, w * pa, pa * pw * octave.detach() * y)
    zero_a, zero_w = (pa == 0) & (pw != 0), (pw == 0) & (pa != 0)
    carried = torch.where(zero_a, a * pw * octave, torch.where(zero_w, w * pa * octave, 0.0))
    both = torch.where((pa != 0) & (pw != 0), along_a + along_w, carried)
    return both


@pytest.mark.parametrize("multiplier", ["mitchell", "pam", "lmul", "mbm", "realm(4)"])
def test_slopes_are_differences_of_the_model(multiplier: str) -> None:
    """Between two operands of a piece the model is a line: the difference quotient is the slope."""
    a, w = reals(zeros=0)(20_000), reals(1, zeros=0)(20_000)
    model = parse(multiplier)
    part = _slopes.split(model, a)
    other = _slopes.split(model, w)
    step = part.power / 2**10
    total = part.fraction + other.fraction + _slopes._correction(model)
    same_piece = (part.fraction < 1 - 2**-9) & ((total + 2**-9).floor() == total.floor())
    for edge in (0.25, 0.5, 0.75):  # REALM's segments
        same_piece &= ((part.fraction + 2**-9 - edge) * (part.fraction - edge)) > 0
    # MBM's corner, and where its correction carries alone.
    g = 1 + total + (total - 1).clamp(min=0)
    for edge in (2, 4):
        same_piece &= ((g + 0.2 - edge) * (g - edge)) > 0
    difference = oracle.product(a + step, w, multiplier) - oracle.product(a, w, multiplier)
    slope = _slopes.log_slopes(model).activation(a, w)
    assert same_piece.float().mean() > 0.3
    # Operands within a piece add without rounding, MBM and REALM round the correction's sum.
    torch.testing.assert_close(
        (difference / step)[same_piece], slope[same_piece], rtol=1e-3, atol=0
    )


def test_derivative_of_pam_is_a_signed_power_of_two() -> None:
    a, w = reals(zeros=0)(1000), reals(1, zeros=0)(1000)
    for slope, other in zip(_slopes.log_slopes(parse("pam")), (w, a), strict=True):
        mantissa, _ = torch.frexp(slope(a, w))
        assert torch.equal(mantissa, 0.5 * other.sign())


def test_derivative_beside_zero_infinity_and_underflow() -> None:
    inf, slopes = float("inf"), _slopes.log_slopes(parse("mitchell"))
    a = torch.tensor([0.0, 1e-40, 3.0, inf, 3e38, 1e-30])
    w = torch.tensor([5.0, 5.0, 0.0, 2.5, 5.0, 1e-30])
    assert torch.equal(slopes.activation(a, w), torch.tensor([4.0, 4, 0, 2.5, 5, 0]))
    assert torch.equal(slopes.weight(a, w)[:3], torch.tensor([0.0, 0, 2]))


@pytest.mark.parametrize("multiplier", ["mitchell", "lmul(3)"])
def test_blocks_do_not_change_the_derivative(
    multiplier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    t = tensors(Case(groups=2, channels=(4, 6), stride=(2, 1), padding=(2, 1)), draw=reals())
    call = approximate(multiplier=multiplier, backward="derivative")
    whole = gradients(call, t)
    monkeypatch.setattr(_windows, "MOST_PAIRS", 64)
    for actual, expected in zip(gradients(call, t), whole, strict=True):
        torch.testing.assert_close(actual, expected)


def test_gradcheck_of_the_windows() -> None:
    """With the slopes of a smooth product, sin(a) w^2, the gradients are those of its sums."""
    slopes = _windows.Slopes(lambda a, w: torch.cos(a) * w**2, lambda a, w: 2 * torch.sin(a) * w)
    case = Case(groups=2, channels=(4, 2), size=(4, 5), stride=(2, 1), dilation=(1, 2), bias=False)

    class Smooth(torch.autograd.Function):
        @staticmethod
        def forward(ctx, input, weight):
            ctx.save_for_backward(input, weight)
            return F.conv2d(torch.sin(input), weight**2, None, *case.geometry)

        @staticmethod
        def backward(ctx, grad):
            return _windows.gradients(slopes, (True, True), grad, *ctx.saved_tensors, case.geometry)

    t = tensors(case, draw=reals(zeros=0)).double().requires_grad_()
    assert torch.autograd.gradcheck(Smooth.apply, (t.input, t.weight))


@pytest.mark.parametrize("backward", ["ste", "approx", "derivative"])
def test_only_what_needs_a_gradient_gets_one(backward: str) -> None:
    t = tensors(Case(), draw=reals())
    for wanted in range(3):
        leaves = [x.detach().requires_grad_(i == wanted) for i, x in enumerate(t.operands)]
        approx_conv2d(*leaves, padding=1, backward=backward).sum().backward()
        assert [leaf.grad is not None for leaf in leaves] == [i == wanted for i in range(3)]


def test_second_derivatives() -> None:
    """Of ste they are the exact convolution's; the others say that they have none."""
    t = tensors(Case(), draw=reals()).requires_grad_()

    def penalty(conv2d) -> tuple:
        (grad,) = torch.autograd.grad(
            conv2d(*t.operands, 1, 1).square().sum(), t.input, create_graph=True
        )
        return torch.autograd.grad(grad.sum(), [t.weight])

    assert torch.isfinite(penalty(approx_conv2d)[0]).all()
    for backward in ("approx", "derivative"):
        with pytest.raises(RuntimeError, match="has no second derivative, use"):
            penalty(approximate(backward=backward))


def test_forward_mode_and_func_transforms() -> None:
    t = tensors(Case(), draw=reals())
    tangent = torch.randn_like(t.input)
    _, ours = torch.func.jvp(lambda x: approx_conv2d(x, t.weight), (t.input,), (tangent,))
    expected = convwright.functional.conv2d(tangent, t.weight)
    assert torch.equal(ours, expected)
    with pytest.raises(NotImplementedError, match="use backward='ste'"):
        torch.func.jvp(
            lambda x: approx_conv2d(x, t.weight, backward="approx"), (t.input,), (tangent,)
        )
    for backward in ("ste", "approx"):
        call = approximate(padding=1, backward=backward)
        ours = torch.func.grad(lambda w, c=call: c(t.input, w).square().sum())(t.weight)
        leaf = t.weight.clone().requires_grad_()
        (expected,) = torch.autograd.grad(call(t.input, leaf).square().sum(), leaf)
        assert torch.equal(ours, expected)


@pytest.mark.parametrize("dims", [(0, None, None), (None, 0, None), (0, 0, 0), (0, None, 0)])
def test_vmap_has_the_bits_of_single_calls(dims: tuple) -> None:
    t = tensors(Case(), draw=reals())
    batched = [
        x if dim is None else torch.stack([x, 2 * x + 1])
        for x, dim in zip(t.operands, dims, strict=True)
    ]
    actual = torch.vmap(approx_conv2d, dims)(*batched)
    for i in range(2):
        one = [x if dim is None else x[i] for x, dim in zip(batched, dims, strict=True)]
        assert torch.equal(actual[i], approx_conv2d(*one))


@pytest.mark.parametrize("backward", ["ste", "approx", "derivative"])
def test_linear_is_a_convolution_of_rows(backward: str) -> None:
    draw = reals()
    input, weight, bias = draw(2, 5, 7), draw(4, 7), draw(4)
    leaves = [x.requires_grad_() for x in (input, weight, bias)]
    output = approx_linear(*leaves, backward=backward)
    rows = input.reshape(10, 7, 1, 1)
    assert torch.equal(
        output.reshape(10, 4, 1, 1),
        oracle.fprop(rows, weight[:, :, None, None], bias, (1, 1), (0, 0), (1, 1), 1,
                     multiplier="mbm"),
    )  # fmt: skip
    expected = approx_conv2d(rows, weight[:, :, None, None], bias, backward=backward)
    weights = draw(2, 5, 4)
    ours = torch.autograd.grad((output * weights).sum(), leaves)
    theirs = torch.autograd.grad((expected.reshape(2, 5, 4) * weights).sum(), leaves)
    for actual, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(actual, reference)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backward", ["ste", "approx", "derivative"])
def test_compiled(backward: str) -> None:
    torch.compiler.reset()
    layer = convwright.nn.ApproxConv2d(3, 4, 3, backward=backward)
    t = Tensors(torch.randn(2, 3, 6, 6), *layer.parameters(), torch.randn(2, 4, 4, 4), Case())
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    results = []
    for module in (compiled, layer):
        output = module(t.input.requires_grad_())
        results.append((output, *torch.autograd.grad(output, t.leaves(), t.grad_output)))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
