# SPDX-License-Identifier: Apache-2.0
"""The picture of several networks' accuracy and time: a bar each in two panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from plotting import INK, OTHER_COLOUR, OURS_COLOUR, plt, tidy


@dataclass(frozen=True)
class Row:
    """A network: its test accuracy in percent, and the seconds that it took."""

    name: str
    accuracy: float
    seconds: float
    trained: bool  # else its weights were loaded


def write_rows(path: Path, title: str, rows: Sequence[Row]) -> None:
    """Writes a PNG, the first row on top; the axis of seconds is logarithmic."""
    figure, panels = plt.subplots(
        1, 2, figsize=(10.5, 1.6 + 0.42 * len(rows)), dpi=150, sharey=True, layout="constrained"
    )
    draw(panels[0], "test accuracy, percent", rows, lambda row: row.accuracy, "{:.2f}%")
    draw(panels[1], "seconds of training, or of the test", rows, lambda row: row.seconds, "{:.2f}")
    panels[0].set_xlim(0, 115)
    panels[1].set_xscale("log")
    longest, shortest = max(r.seconds for r in rows), min(r.seconds for r in rows)
    panels[1].set_xlim(shortest / 2, longest * 4)
    panels[0].set_yticks(range(len(rows)), [row.name for row in rows])
    panels[0].invert_yaxis()
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12)
    figure.savefig(path, format="png")
    plt.close(figure)


def draw(
    axes: plt.Axes, title: str, rows: Sequence[Row], value: Callable[[Row], float], text: str
) -> None:
    colours = [OURS_COLOUR if row.trained else OTHER_COLOUR for row in rows]
    axes.barh(range(len(rows)), [value(row) for row in rows], height=0.62, color=colours)
    for place, row in enumerate(rows):
        label = " " + text.format(value(row))
        axes.text(value(row), place, label, va="center", color=INK, fontsize=9)
    axes.set_title(title, loc="left", color=INK, fontsize=10)
    tidy(axes, grid_axis="x")
    axes.tick_params(axis="y", length=0)
