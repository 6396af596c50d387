# SPDX-License-Identifier: Apache-2.0
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[2]))  # for the package "bench"


@pytest.fixture(autouse=True)
def _threads_kept() -> Iterator[None]:
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)
