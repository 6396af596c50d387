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


@pytest.fixture(autouse=True)
def _same_start() -> Iterator[None]:
    torch.manual_seed(0)
    count = torch.get_num_threads()
    # The problems are too small to share, and waiting threads slow down a busy machine;
    # test_threads.py sets other counts.
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(count)
