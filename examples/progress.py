# SPDX-License-Identifier: Apache-2.0
"""Progress of a training on standard error: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_LINES = 10


class TrainingProgress:
    """Used in a `with`; `advance` is called after each step."""

    def __init__(self, epochs: int, images: int) -> None:
        """`images` are those of one epoch."""
        self._epochs, self._images = epochs, images
        self._total, self._done, self._lines = epochs * images, 0, 0
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total} images  loss {task.fields[loss]:.3f}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=self._total, loss=float("nan"))

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def advance(self, images: int, loss: float) -> None:
        """`images` more are done; `loss` is that of the step."""
        title = f"epoch {self._done // self._images + 1} of {self._epochs}"
        self._done += images
        self._bar.update(self._task, completed=self._done, loss=loss, description=title)
        lines = PLAIN_LINES * self._done // self._total
        if not self._console.is_terminal and lines > self._lines:
            self._lines = lines
            self._console.print(f"{title}: {self._done}/{self._total} images, loss {loss:.3f}")
