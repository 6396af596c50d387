# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

import pytest
import torch

from convwright import LibraryMissing, _library


def pytest_sessionstart() -> None:
    try:
        _library.load()
    except LibraryMissing as error:
        pytest.exit(str(error), returncode=4)  # one sentence, not a failure for each test


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


@pytest.fixture(scope="session", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """Where a test that is right everywhere puts its tensors: the CPU, and with -m gpu a GPU."""
    return request.param


@pytest.fixture(autouse=True)
def _same_start() -> Iterator[None]:
    torch.manual_seed(0)
    count = torch.get_num_threads()
    # The problems are too small to share, and waiting threads slow down a busy machine;
    # test_threads.py sets other counts.
    torch.set_num_threads(1)
    # PyTorch's results on a GPU are compared as float32's.
    with torch.backends.cudnn.flags(torch.backends.cudnn.enabled, allow_tf32=False):
        yield
    torch.set_num_threads(count)
