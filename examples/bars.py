# SPDX-License-Identifier: Apache-2.0
"""The picture of several networks' times: a panel for each measure, a bar for each network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plotting import INK, plt, tidy


@dataclass(frozen=True)
class Bar:
    """A network: its name, a smaller line below it, its colour, and a time for each panel."""

    name: str
    note: str
    colour: str
    milliseconds: Sequence[float]


def write_bars(path: Path, title: str, panels: Sequence[str], bars: Sequence[Bar]) -> None:
    """Writes a PNG. Beside each bar stands its time, and how many of the last bar's that is."""
    figure, all_axes = plt.subplots(
        1,
        len(panels),
        figsize=(3.2 + 3.6 * len(panels), 1.5 + 0.75 * len(bars)),
        dpi=150,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for index, (axes, panel) in enumerate(zip(all_axes[0], panels, strict=True)):
        draw_panel(axes, panel, bars, [bar.milliseconds[index] for bar in bars])
    draw_names(all_axes[0][0], bars)
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12)
    figure.savefig(path, format="png")
    plt.close(figure)


def draw_panel(axes: plt.Axes, title: str, bars: Sequence[Bar], times: list[float]) -> None:
    rows = range(len(bars))
    axes.barh(rows, times, height=0.62, color=[bar.colour for bar in bars])
    for row, time in zip(rows, times, strict=True):
        text = f"{time:.3g} ms ({time / times[-1]:.2f})"
        axes.text(time + 0.015 * max(times), row, text, va="center", color=INK, fontsize=9)
    axes.set_xlim(0, 1.4 * max(times))  # room for the text beside the longest
    axes.set_title(title, loc="left", color=INK, fontsize=10)
    axes.set_xlabel("milliseconds (relative to the last bar)")
    tidy(axes, grid_axis="x")
    axes.tick_params(axis="y", length=0)


def draw_names(axes: plt.Axes, bars: Sequence[Bar]) -> None:
    """At the left, the first bar on top; the axes are shared, so for all panels."""
    axes.set_yticks(range(len(bars)), ["\n" for _ in bars])
    axes.invert_yaxis()
    for row, bar in enumerate(bars):
        for text, shift, size, colour in ((bar.name, 6, 10, INK), (bar.note, -8, 8, "#6b6b6b")):
            axes.annotate(
                text,
                xy=(0, row),
                xycoords=("axes fraction", "data"),
                xytext=(-8, shift),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=size,
                color=colour,
            )
