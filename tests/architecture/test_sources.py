# SPDX-License-Identifier: Apache-2.0
"""The rules that every source file keeps."""

from __future__ import annotations

import pytest
from sources import ROOT, source_files

MOST_LINES = 600


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    return {str(f): (ROOT / f).read_text().splitlines() for f in source_files()}


def test_every_source_file_starts_with_its_licence(texts: dict[str, list[str]]) -> None:
    # The first line, or the second one behind a `#!`.
    bare = [
        name
        for name, lines in texts.items()
        if not any(line.endswith("SPDX-License-Identifier: Apache-2.0") for line in lines[:2])
    ]
    assert bare == []


def test_no_source_file_is_long(texts: dict[str, list[str]]) -> None:
    long = {name: len(lines) for name, lines in texts.items() if len(lines) > MOST_LINES}
    assert long == {}
