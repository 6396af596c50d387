# SPDX-License-Identifier: Apache-2.0
"""Rules of aten::convolution that no table has: what PyTorch's own tests ask one by one."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from cases import FORMATS, Case, gradients, memory_order, tensors
from test_conv2d_errors import assert_same_error, outcome
from test_nn import both
from torch import Tensor

import convwright
from convwright.functional import conv2d


def integers(*sizes: int) -> Tensor:
    return torch.randint(-3, 4, sizes).float()


def assert_equal(ours: tuple[Tensor, ...], torchs: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(ours, torchs, rtol=0, atol=0, check_stride=True)


def compare(input: Tensor, weight: Tensor, bias: Tensor | None = None, **options) -> None:
    """Output and every gradient: equal bits, equal strides.

    Those of parameters as .grad has them: what torch.autograd.grad returns for a weight has the
    weight's own strides here, PyTorch's have its backends', and .grad is a copy of them.
    """
    results = []
    for convolution in (conv2d, F.conv2d):
        leaves = [t.detach().requires_grad_() for t in (input, weight, bias) if t is not None]
        output = convolution(*leaves, **options)
        (grad_input,) = torch.autograd.grad(output.sum(), leaves[0], retain_graph=True)
        output.sum().backward()
        results.append((output.detach(), grad_input, *(leaf.grad for leaf in leaves)))
    ours, torchs = results
    assert_equal(ours[:2], torchs[:2])
    torch.testing.assert_close(ours, torchs, rtol=0, atol=0)
    assert [memory_order(t) for t in ours[2:]] == [memory_order(t) for t in torchs[2:]]


# Every order of a weight's dimensions in memory, dense and with gaps.
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
@pytest.mark.parametrize("groups", [1, 4])
def test_discontiguous_weights(order: tuple[int, ...], groups: int) -> None:
    back = [order.index(d) for d in range(4)]
    weight = integers(4, 4 // groups, 3, 2).permute(order).contiguous().permute(back)
    for w in (weight, weight.repeat_interleave(2, 0)[::2], weight[:, :, :, :1], weight[..., 1:, :]):
        compare(integers(2, 4, 5, 6), w, integers(4), groups=groups)


def sliced(t: Tensor, channels: int) -> Tensor:
    """The same values among twice as many channels."""
    return torch.cat([t, -t], 1).contiguous(memory_format=torch.channels_last)[:, :channels]


@pytest.mark.parametrize("channels", [(1, 1), (1, 8), (2, 3), (3, 16), (5, 1), (16, 8)], ids=str)
@pytest.mark.parametrize("kernel", [1, 3])
def test_slices_of_channels_in_channels_last(channels: tuple[int, int], kernel: int) -> None:
    """Columns are further apart than there are channels, in the input, the gradient or both."""
    ci, co = channels
    for slices in itertools.product([False, True], repeat=2):
        t = tensors(Case(channels=channels, kernel=(kernel, kernel)), "nhwc")
        if slices[0]:
            t.input = sliced(t.input, ci)
        if slices[1]:
            t.grad_output = sliced(t.grad_output, co)
        torch.testing.assert_close(
            gradients(conv2d, t),
            tuple(g.float() for g in gradients(F.conv2d, t.double())),
            rtol=0,
            atol=0,
        )


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_permuted_inputs(order: tuple[int, ...]) -> None:
    back = [order.index(d) for d in range(4)]
    input = integers(2, 4, 5, 6).permute(order).contiguous().permute(back)
    for x in (input, input[:, 1:], input[:, :, ::2], input[..., :1], input[:1], input[:, :1]):
        compare(x, integers(3, x.shape[1], 3, 1), padding=1)


AMBIGUOUS = [(1, 1, 1, 1), (2, 1, 3, 3), (1, 3, 1, 1), (2, 3, 1, 1), (2, 3, 1, 4), (1, 1, 4, 4)]


@pytest.mark.parametrize("formats", list(itertools.product(FORMATS, FORMATS)), ids=str)
@pytest.mark.parametrize("sizes", AMBIGUOUS, ids=str)
def test_strides_of_dimensions_of_one(sizes: tuple[int, ...], formats: tuple[str, str]) -> None:
    input = integers(*sizes).contiguous(memory_format=FORMATS[formats[0]])
    for filters in ((1, sizes[1], 1, 1), (4, sizes[1], 1, 1), (1, sizes[1], 3, 3)):
        weight = integers(*filters).contiguous(memory_format=FORMATS[formats[1]])
        compare(input, weight, padding=filters[2] // 2)


EMPTY = [
    ((0, 4, 5, 5), (6, 4, 3, 3), 1),
    ((2, 0, 5, 5), (6, 0, 3, 3), 1),
    ((2, 4, 5, 5), (0, 4, 3, 3), 1),
    ((2, 4, 5, 5), (0, 2, 3, 3), 2),
    ((0, 0, 5, 5), (0, 0, 3, 3), 1),
    ((0, 4, 5, 5), (8, 2, 3, 3), 2),
    ((2, 4, 5, 0), (6, 4, 3, 3), 1),
    ((2, 4, 0, 0), (6, 4, 1, 1), 1),
    ((2, 4, 0, 5), (6, 4, 1, 1), 1),
    ((0, 4, 0, 5), (6, 4, 3, 3), 1),
]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("sizes", "filters", "groups"), EMPTY, ids=str)
@pytest.mark.parametrize("padding", [0, 1])
def test_empty_tensors(
    sizes: tuple[int, ...], filters: tuple[int, ...], groups: int, padding: int, format: str
) -> None:
    input = torch.empty(sizes).contiguous(memory_format=FORMATS[format])
    args, options = (input, integers(*filters)), {"groups": groups, "padding": padding}
    if outcome(lambda: F.conv2d(*args, **options)) is None:
        compare(*args, **options)
    else:
        assert_same_error(args, options)


HUGE = [2**31 - 1, 2**31, 2**33, 2**62]


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("name", ["stride", "padding", "dilation"])
def test_numbers_beyond_32_bits(name: str, number: int) -> None:
    options = {name: number}
    if name == "padding":
        options["stride"] = number  # three windows
    for kernel in (1, 2):
        args = (integers(1, 2, 3, 3), integers(2, 2, kernel, kernel))
        if outcome(lambda args=args: F.conv2d(*args, **options)) is None:
            compare(*args, **options)
        else:
            assert_same_error(args, options)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def test_deterministic_mode() -> None:
    t = tensors(Case(channels=(4, 6), groups=2, stride=(2, 1)))
    with deterministic():  # it also fills what nothing has been written to
        assert_equal(gradients(conv2d, t), gradients(F.conv2d, t))


@pytest.mark.parametrize("switch", ["mkldnn", "nnpack"])
@pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN")
def test_pytorchs_backends_switched_off(switch: str) -> None:
    t = tensors(Case(size=(7, 9)))
    with getattr(torch.backends, switch).flags(enabled=False):
        assert_equal(gradients(conv2d, t), gradients(F.conv2d, t))


def test_second_derivatives_of_some_operands() -> None:
    """Backward of backward to every subset, the gradient of the output among them."""
    for needed in itertools.product([False, True], repeat=3):
        for wanted in itertools.product([False, True], repeat=4):
            results = []
            for convolution in (conv2d, F.conv2d):
                t = tensors(Case(size=(3, 4)))
                for leaf, need in zip(t.leaves(), needed, strict=True):
                    leaf.requires_grad_(need)
                leaves = [leaf for leaf in t.leaves() if leaf.requires_grad]
                if not leaves:
                    continue
                t.grad_output.requires_grad_(wanted[3])
                output = convolution(*t.operands, 1, 1)
                first = torch.autograd.grad(output, leaves, t.grad_output, create_graph=True)
                targets = [
                    leaf
                    for leaf, want in zip((*t.leaves(), t.grad_output), wanted, strict=True)
                    if want and leaf.requires_grad
                ]
                total = sum((g * 2).sum() for g in first)
                if not targets or not total.requires_grad:
                    results.append([total.requires_grad])
                    continue
                second = torch.autograd.grad(total, targets, allow_unused=True)
                results.append([None if g is None else g.tolist() for g in second])
            assert not results or results[0] == results[1], (needed, wanted)


def test_inference_tensors_are_not_saved_for_backward() -> None:
    with torch.inference_mode():
        input = integers(2, 3, 5, 5)
    weight = integers(4, 3, 3, 3)
    assert torch.equal(conv2d(input, weight), F.conv2d(input, weight))
    errors = [outcome(lambda c=c: c(input, weight.requires_grad_())) for c in (conv2d, F.conv2d)]
    assert errors[0] == errors[1] is not None


def test_layers_in_inference_mode() -> None:
    ours, _ = both(3, 4, 3, padding=1)
    with torch.inference_mode():
        output = ours(integers(2, 3, 5, 5))
        assert output.is_inference()
        assert not output.requires_grad
        ours.weight.copy_(integers(4, 3, 3, 3))  # parameters stay ordinary tensors
    assert not ours.weight.is_inference()
    ours(integers(2, 3, 5, 5)).sum().backward()
    assert ours.weight.grad is not None


EVEN = [(2, 2), (4, 4), (2, 3), (3, 4), (6, 1)]


@pytest.mark.parametrize("kernel", EVEN, ids=str)
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_same_padding_of_even_kernels(kernel: tuple[int, int], dilation) -> None:
    for input in (integers(2, 3, 7, 8), integers(3, 7, 8)):
        for format in FORMATS.values():
            x = input.contiguous(memory_format=format) if input.dim() == 4 else input
            compare(x, integers(4, 3, *kernel), integers(4), padding="same", dilation=dilation)


def test_same_padding_warns_of_a_copy_as_torch_does() -> None:
    texts = []
    for layer in both(3, 4, 4, padding="same"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            layer(integers(2, 3, 7, 8))
        texts.append([str(w.message) for w in caught])
    # PyTorch's own warning comes from aten, once in a process; ours never makes that copy by aten.
    assert texts[0] == []


NAMED_CALLS: dict[str, Callable[[Callable, Tensor, Tensor], Tensor]] = {
    "every argument by name": lambda c, x, w: c(
        input=x, weight=w, bias=None, stride=1, padding=0, dilation=1, groups=1
    ),
    "sizes of torch.Size": lambda c, x, w: c(x, w, None, torch.Size([1, 2]), torch.Size([1, 1])),
    "padding by name and lists of one": lambda c, x, w: c(x, w, None, [1], "same", [2]),
}


@pytest.mark.parametrize("name", NAMED_CALLS)
def test_forms_of_calls(name: str) -> None:
    x, w = integers(2, 3, 7, 8), integers(4, 3, 3, 3)
    results = [outcome(lambda c=c: NAMED_CALLS[name](c, x, w)) for c in (conv2d, F.conv2d)]
    assert results[0] == results[1]
    if results[0] is None:
        assert torch.equal(NAMED_CALLS[name](conv2d, x, w), NAMED_CALLS[name](F.conv2d, x, w))


@pytest.mark.filterwarnings("ignore:Named tensors and all their associated APIs")
def test_named_tensors_are_refused_as_by_torch() -> None:
    input = integers(2, 3, 5, 5).refine_names("N", "C", "H", "W")
    assert_same_error((input, integers(4, 3, 3, 3)), {})


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_gradients_of_each_sample() -> None:
    """torch.nn.utils' expanded weights know PyTorch's functions by name."""
    from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

    grads = []
    for layer in both(3, 4, 3, padding=1):
        torch.manual_seed(0)
        call_for_per_sample_grads(layer)(integers(5, 3, 6, 6)).sum().backward()
        grads.append([p.grad_sample for p in layer.parameters()])
    torch.testing.assert_close(*grads)


class KnowsPyTorchAlone(Tensor):
    """A subclass with an implementation of its own for F.conv2d, which refuses the rest."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func in (Tensor.shape.__get__, Tensor.as_subclass):
            return super().__torch_function__(func, types, args, kwargs)
        if func is not F.conv2d:
            return NotImplemented
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {})) + 1


def test_subclasses_that_know_pytorchs_function_alone() -> None:
    input, weight = integers(2, 3, 5, 5), integers(4, 3, 3, 3)
    output = conv2d(input.as_subclass(KnowsPyTorchAlone), weight)
    with torch._C.DisableTorchFunctionSubclass():
        assert torch.equal(output, F.conv2d(input, weight) + 1)


def test_saved_tensors_hooks_see_input_and_weight() -> None:
    seen = []
    for convolution in (conv2d, F.conv2d):
        t = tensors(Case()).requires_grad_()
        packed: list[tuple[int, ...]] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, packed=packed: (packed.append(tuple(x.shape)), x)[1], lambda x: x
        ):
            convolution(*t.operands).sum().backward()
        seen.append(packed)
    assert seen[0] == seen[1]


def test_backward_twice_is_refused_as_by_torch() -> None:
    errors = []
    for convolution in (conv2d, F.conv2d):
        output = convolution(*tensors(Case()).requires_grad_().operands).sum()
        output.backward()
        errors.append(outcome(output.backward))
    assert errors[0] == errors[1] is not None


def test_anomaly_mode_names_the_forward_call() -> None:
    t = tensors(Case()).requires_grad_()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with (
            torch.autograd.detect_anomaly(check_nan=True),
            pytest.raises(RuntimeError, match="returned nan values"),
        ):
            (conv2d(*t.operands) * float("nan")).sum().backward()
    assert any("test_torch_rules.py" in str(w.message) for w in caught)


def test_what_explain_says_of_a_subclass_that_refuses() -> None:
    input = integers(2, 3, 5, 5).as_subclass(KnowsPyTorchAlone)
    weight = integers(4, 3, 3, 3)
    rows = convwright.explain(lambda: conv2d(input, weight).as_subclass(Tensor)).rows
    (row,) = rows
    assert row.kernel == "PyTorch"
    assert "KnowsPyTorchAlone" in row.reason
