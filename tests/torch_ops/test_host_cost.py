# SPDX-License-Identifier: Apache-2.0
"""Host cost of a call: a 1x1x1x1 convolution beside PyTorch's, one thread, processor time."""

import statistics
import time
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from convwright.functional import conv2d

pytestmark = pytest.mark.perf

CALLS, ROUNDS, DISCARDED = 500, 25, 3


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    for _ in range(CALLS):
        work()
    return (time.process_time() - start) / CALLS


def ratio(ours: Callable[[], None], torchs: Callable[[], None]) -> float:
    """Median over median, the two interleaved so that a change of clock meets both alike."""
    samples = [(seconds(ours), seconds(torchs)) for _ in range(ROUNDS)][DISCARDED:]
    our_median, torch_median = map(statistics.median, zip(*samples, strict=True))
    print(f"{our_median * 1e6:.2f} us, torch {torch_median * 1e6:.2f} us")
    return our_median / torch_median


def arguments(requires_grad: bool) -> tuple:
    tensors = [torch.randn(1, 1, 1, 1), torch.randn(1, 1, 1, 1), torch.randn(1)]
    return *(t.requires_grad_(requires_grad) for t in tensors), (1, 1), (0, 0), (1, 1), 1


def test_without_gradient() -> None:
    args = arguments(requires_grad=False)
    assert ratio(lambda: conv2d(*args), lambda: F.conv2d(*args)) <= 1.5


def test_forward_and_backward() -> None:
    args = arguments(requires_grad=True)
    grad_output = torch.ones(1, 1, 1, 1)

    def work(convolution: Callable[..., torch.Tensor]) -> None:
        convolution(*args).backward(grad_output)

    assert ratio(lambda: work(conv2d), lambda: work(F.conv2d)) <= 2.0
