# SPDX-License-Identifier: Apache-2.0
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/torch_ops/gpu/" in str(item.path):
            item.add_marker(pytest.mark.gpu)
