# SPDX-License-Identifier: Apache-2.0
"""Thread counts and threads: the same bits always."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from cases import Case, gradients, tensors

from convwright.functional import conv2d

CASES = [
    Case(channels=(24, 40), size=(19, 23), batch=3),
    Case(channels=(16, 32), size=(14, 14), kernel=(1, 1), padding=(0, 0), batch=8),
    Case(channels=(32, 32), size=(20, 20), groups=32, stride=(2, 2)),
]


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


def test_four_threads_at_once() -> None:
    torch.set_num_threads(2)
    case = CASES[0]
    expected = gradients(conv2d, tensors(case))

    def work(_: int) -> bool:
        return all(map(torch.equal, gradients(conv2d, tensors(case)), expected))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(16)))
