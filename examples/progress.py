# SPDX-License-Identifier: Apache-2.0
"""Progress of one epoch on standard error: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

LINES_PER_EPOCH = 5


class EpochProgress:
    """Used in a `with`; `show` is called after each step."""

    def __init__(self, epoch: int, epochs: int, images: int) -> None:
        self._title = f"epoch {epoch} of {epochs}"
        self._images = images
        self._next_line = images / LINES_PER_EPOCH
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn(self._title),
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total} images  loss {task.fields[loss]:.3f}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(self._title, total=images, loss=float("nan"))

    def __enter__(self) -> EpochProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, done: int, loss: float) -> None:
        """`done` images of the epoch are done; `loss` is that of the last step."""
        self._bar.update(self._task, completed=done, loss=loss)
        if not self._console.is_terminal and done >= self._next_line:
            self._next_line += self._images / LINES_PER_EPOCH
            self._console.print(f"{self._title}: {done}/{self._images} images, loss {loss:.3f}")
