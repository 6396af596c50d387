# SPDX-License-Identifier: Apache-2.0
"""Differential fuzzing: random calls beside PyTorch's, or the scalar model, to the last bit.

The default run has a fixed set of them. The slow one, 11,200, draws others each time: its seed is
printed, and CONVWRIGHT_SEED repeats it.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from cases import memory_order
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from random_approx_calls import ApproxCall, Int8Call, approx_calls, int8_calls
from random_calls import FUNCTIONS, Call, Memory, calls

# Cases of the default run.
COUNTS = {
    "conv2d": 110,
    "conv2d_relu": 20,
    "conv1d": 40,
    "conv_transpose2d": 60,
    "weighted_sum": 40,
    "separable": 40,
    "approx_conv2d": 30,
    "approx_int8_conv2d": 10,
}
TWO_WEIGHTS = ("weighted_sum", "separable")
TIMES = 32  # as many in the slow run
_LARGEST_SEED = 2**32 - 1

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

CONTIGUOUS, CHANNELS_LAST = (0, 1, 2, 3), (0, 2, 3, 1)


def check(call: Call) -> None:
    """The same values as PyTorch in float64 gives, rounded once, and the same order in memory."""
    torch.set_num_threads(call.threads)
    ours, torchs = FUNCTIONS[call.operator]
    tensors = call.tensors()
    actual = call.results(ours, tensors)
    for number, (a, e) in enumerate(
        zip(actual, call.results(torchs, [t.double() for t in tensors]), strict=True)
    ):
        assert a.dtype is call.dtype
        # The gradient of a composed weight is rounded before it is parted into those of the two;
        # output and the input's gradient are rounded once.
        of_weights = call.operator in TWO_WEIGHTS and number > call.needed[0]
        twice = of_weights and call.dtype is torch.bfloat16
        most = torch.finfo(call.dtype).eps * max(e.abs().flatten().tolist(), default=0) * twice
        torch.testing.assert_close(
            a, e.to(a), rtol=0, atol=most, msg=lambda text, n=number: f"result {n}: {text}\n{call}"
        )
    if all(
        m.trick == "plain" and m.order in (CONTIGUOUS, CHANNELS_LAST, (0,)) for m in call.memories
    ):
        expected = call.results(torchs, tensors)
        # Gradients of weights have the weights' strides; PyTorch's may have the input's order.
        own = [t if i > 0 else None for i, t in enumerate(tensors) if call.needed[i]]
        expected = [e if t is None else t for e, t in zip(expected, [None, *own], strict=True)]
        assert [*map(memory_order, actual)] == [*map(memory_order, expected)], call


def check_approx(call: ApproxCall | Int8Call) -> None:
    torch.set_num_threads(call.threads)
    call.check()


def property_of(operator: str) -> tuple[st.SearchStrategy, Callable[..., None]]:
    if operator == "approx_conv2d":
        return approx_calls(), check_approx
    if operator == "approx_int8_conv2d":
        return int8_calls(), check_approx
    return calls(operator), check


def run(operator: str, count: int, **how: bool) -> Callable[[], None]:
    strategy, checked = property_of(operator)
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    chosen = settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=slow, **how
    )
    return chosen(given(strategy)(checked))


@pytest.mark.parametrize("operator", COUNTS)
def test_random_calls(operator: str) -> None:
    run(operator, COUNTS[operator], derandomize=True)()


def seed_of(text: str) -> int:
    """CONVWRIGHT_SEED, else one by the clock. Raises ValueError for a text that is none."""
    if not text:
        return time.time_ns() & _LARGEST_SEED
    if not text.isdecimal() or int(text) > _LARGEST_SEED:
        raise ValueError(
            f"CONVWRIGHT_SEED is {text!r}; accepted are numbers from 0 to {_LARGEST_SEED}."
        )
    return int(text)


@pytest.mark.slow
@pytest.mark.parametrize("operator", COUNTS)
def test_many_random_calls(operator: str) -> None:
    number = seed_of(os.environ.get("CONVWRIGHT_SEED", ""))
    print(f"repeat: CONVWRIGHT_SEED={number} python -m pytest -m slow {__file__} -k {operator}]")
    seed(number)(run(operator, TIMES * COUNTS[operator]))()


def conv2d(ci: int, co: int, size: int, **more: object) -> Call:
    """A 3x3 convolution of two images with padding 1."""
    usual = Memory(CONTIGUOUS)
    base = Call(
        "conv2d",
        ((2, ci, size, size), (co, ci, 3, 3)),
        ((1, 1), (1, 1), (1, 1), 1),
        memories=(usual, usual, usual),
        needed=(True, True),
    )
    return replace(base, **more)


# What was wrong once, whoever found it.
FAILURES = {
    # Kernels of folded rows took slices of channels for dense tensors.
    "slice of channels, few of them": conv2d(
        2, 16, 9, memories=(Memory(CHANNELS_LAST, "slice", 1), *[Memory(CHANNELS_LAST)] * 2)
    ),
    # They took the gradient of sum() for a dense one.
    "gradient is one number": conv2d(
        3, 16, 9, memories=(*[Memory(CHANNELS_LAST)] * 2, Memory(CHANNELS_LAST, "number"))
    ),
    "gradient of channels is expanded": conv2d(
        3, 4, 9, memories=(*[Memory(CHANNELS_LAST)] * 2, Memory(CHANNELS_LAST, "expanded", 1))
    ),
    # The input's gradient had the second weight's memory format.
    "second weight of a composed sum is channels_last": Call(
        "weighted_sum",
        ((1, 2, 1, 2), (1, 2, 1, 1), (1, 1, 1, 2)),
        ((1, 1), (0, 0), (1, 1)),
        memories=(*[Memory(CONTIGUOUS)] * 2, Memory(CHANNELS_LAST), Memory(CONTIGUOUS)),
        needed=(True, False, False),
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_past_failures(name: str) -> None:
    check(FAILURES[name])


def test_a_seed_is_a_number() -> None:
    assert seed_of("7") == 7
    assert 0 <= seed_of("") <= _LARGEST_SEED
    for text in ("x", "-1", "4294967296"):
        with pytest.raises(ValueError, match=f"^CONVWRIGHT_SEED is '{text}'; accepted are numbers"):
            seed_of(text)
