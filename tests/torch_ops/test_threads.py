# SPDX-License-Identifier: Apache-2.0
"""Thread counts and threads: the same bits always."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from cases import Case, gradients, tensors
from hypothesis import given, settings
from random_calls import FUNCTIONS, Call, calls
from torch import Tensor, nn

import convwright
from convwright import _choices, check
from convwright.functional import conv2d

CASES = [
    Case(channels=(24, 40), size=(19, 23), batch=3),
    Case(channels=(16, 32), size=(14, 14), kernel=(1, 1), padding=(0, 0), batch=8),
    Case(channels=(32, 32), size=(20, 20), groups=32, stride=(2, 2)),
]
THREADS = 16


@pytest.mark.parametrize("format", ["nchw", "nhwc"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_bits_with_any_number_of_threads(case: Case, format: str) -> None:
    results = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        generator = torch.Generator().manual_seed(5)
        t = tensors(case, format, draw=lambda *s, g=generator: torch.randn(*s, generator=g))
        results.append(gradients(conv2d, t))
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("operator", FUNCTIONS)
def test_same_bits_of_real_numbers_of_any_operator(operator: str) -> None:
    @settings(max_examples=10, deadline=None, derandomize=True, database=None)
    @given(calls(operator))
    def check_call(call: Call) -> None:
        results = []
        for count in (1, call.threads + 1):
            torch.set_num_threads(count)
            real = [t * t.new_tensor(0.7) for t in call.tensors()]  # no sum of them is exact
            results.append(call.results(FUNCTIONS[call.operator][0], real))
        assert all(torch.equal(*pair) for pair in zip(*results, strict=True)), call

    check_call()


def model() -> nn.Sequential:
    """A layer of each operator, whose weights and results are integers but for the last layer's."""
    torch.manual_seed(0)
    layers = nn.Sequential(
        convwright.nn.Conv2d(4, 16, 3, padding=1),
        convwright.nn.Conv2dReLU(16, 16, 3, padding=1, groups=16),
        convwright.nn.WeightedSumConv2d(16, 8, 3, padding=1),
        convwright.nn.DepthwiseSeparableConv2d(8, 8, 3, padding=1),
        convwright.nn.ConvTranspose2d(8, 4, 2, stride=2),
    )
    with torch.no_grad():
        for p in layers.parameters():
            p.copy_(torch.randint(-1, 2, p.shape))
    return layers


def step(layers: nn.Module, input: Tensor) -> tuple[Tensor, ...]:
    output = layers(input)
    return output, *torch.autograd.grad(output.sum(), list(layers.parameters()))


@pytest.mark.parametrize("pool", [1, 2])
def test_sixteen_threads_share_a_model(pool: int) -> None:
    torch.set_num_threads(pool)
    layers = nn.Sequential(*model(), convwright.nn.ApproxConv2d(4, 4, 3, multiplier="mbm"))
    inputs = [torch.randint(-1, 2, (2, 4, 7, 5 + i % 3)).float() for i in range(THREADS)]
    expected = [step(layers, input) for input in inputs]
    together = Barrier(THREADS)

    def work(number: int) -> bool:
        together.wait()
        for _ in range(5):
            actual = step(layers, inputs[number])
            if not all(map(torch.equal, actual, expected[number])):
                return False
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(work, range(THREADS)))


def test_sixteen_threads_add_to_the_same_gradients() -> None:
    """Sums of integers, which no order changes."""
    torch.set_num_threads(1)
    layers, input = model(), torch.randint(-1, 2, (2, 4, 7, 5)).float()
    _, *expected = step(layers, input)
    together = Barrier(THREADS)

    def work(_: int) -> None:
        together.wait()
        layers(input).sum().backward()

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))
    for p, once in zip(layers.parameters(), expected, strict=True):
        assert torch.equal(p.grad, THREADS * once)


PROBLEM = "fprop_n2ci4ih7iw5co16kh3kw3s1p1_f32_nchw"


@pytest.fixture
def choices_undone() -> Iterator[None]:
    yield
    _choices.choose(PROBLEM, "")
    _choices.use(True)


@pytest.mark.skipif(torch.ops.convwright.isa() == "none", reason="there are no kernels")
def test_choices_that_change_while_threads_use_them(choices_undone: None) -> None:
    layer = model()[0].requires_grad_(False)
    input = torch.randint(-1, 2, (2, 4, 7, 5)).float()
    expected = layer(input)
    _, schedule, isa = check.kernels(PROBLEM)[-1]
    changes = [
        lambda: _choices.choose(PROBLEM, "pytorch"),
        lambda: _choices.choose(PROBLEM, f"conv2d.{isa}/{schedule}"),
        _choices.reload,
        lambda: _choices.use(False),
        lambda: _choices.use(True),
        lambda: _choices.choose(PROBLEM, ""),
    ]
    done: list[bool] = []

    def use(_: int) -> bool:
        right = True
        while not done:
            right &= torch.equal(layer(input), expected)
        return right

    with ThreadPoolExecutor(8) as threads:
        users = [threads.submit(use, number) for number in range(8)]
        for _ in range(50):
            for change in changes:
                change()
        done.append(True)
        assert all(user.result() for user in users)
