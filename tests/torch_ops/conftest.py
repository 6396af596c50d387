# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from convwright import LibraryMissing, _library


def pytest_sessionstart() -> None:
    try:
        _library.load()
    except LibraryMissing as error:
        pytest.exit(str(error), returncode=4)  # one sentence, not a failure for each test


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    torch.manual_seed(0)
