# SPDX-License-Identifier: Apache-2.0
"""What came of the networks of an example, as a file for `convwright report`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from side_by_side import Side

from convwright.bench import machine
from convwright.bench.results import ResultsFile


def new_record(path: Path | None, title: str, cost: str) -> ResultsFile:
    """`cost` says what the rows' costs are, such as "seconds of training". None writes no file.

    Raises OSError where the file cannot be written: before the training, not behind it.
    """
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    about = {"machine": machine.describe(), "threads": torch.get_num_threads()}
    return ResultsFile(path, about | {"clock": "wall time", "title": title, "cost": cost})


def finish(record: ResultsFile, rows: Iterable[dict[str, Any]]) -> None:
    record.put(rows=list(rows), finished=True)
    if record.path is not None:
        print(f"record: {record.path}")


def row_of(side: Side, test_count: int, cost: float | None = None) -> dict[str, Any]:
    """A network that was trained: its loss at each step, its test accuracy after each epoch."""
    losses = [float(f"{loss:.6g}") for loss in side.losses]
    accuracy = [right / test_count for right in side.right]
    return {"network": side.name, "losses": losses, "accuracy": accuracy, "cost": cost}
