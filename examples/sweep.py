# SPDX-License-Identifier: Apache-2.0
"""The picture of a sweep of networks: accuracy, and time by several sides, against operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.ticker import NullLocator, PercentFormatter
from plotting import INK, OTHER_COLOUR, OURS_COLOUR, THEIRS_COLOUR, plt, tidy

from convwright.report.pareto import pareto_front


@dataclass(frozen=True)
class Point:
    """A network: the operations of an image, its test accuracy, milliseconds by each side."""

    name: str
    operations: int
    accuracy: float
    milliseconds: dict[str, float]
    difference: float  # of the sides' scores, as a part of the largest


def write_sweep(path: Path, title: str, timed: str, points: Sequence[Point]) -> None:
    """Writes a PNG; `timed` says what the times are of. Convwright's side is the last."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), dpi=150, layout="constrained")
    draw_accuracy(left, points)
    draw_times(right, timed, points)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks([p.operations for p in points], [millions(p) for p in points])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("million operations of an image")
        tidy(axes)
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12)
    figure.savefig(path, format="png")
    plt.close(figure)


def millions(point: Point) -> str:
    return f"{point.operations / 1e6:.2f}"


def draw_accuracy(axes: plt.Axes, points: Sequence[Point]) -> None:
    """A line through the networks that none beats in both."""
    front = pareto_front(points, lambda p: (p.operations, -p.accuracy))
    axes.plot([p.operations for p in front], [p.accuracy for p in front], "--", color=OTHER_COLOUR)
    axes.scatter([p.operations for p in points], [p.accuracy for p in points], color=OURS_COLOUR)
    for point in points:
        where = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
        place = (point.operations, point.accuracy)
        axes.annotate(point.name, place, color=INK, fontsize=8, **where)
    axes.set_title("test accuracy, by channels", loc="left", color=INK, fontsize=10)
    axes.margins(0.15)
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def draw_times(axes: plt.Axes, timed: str, points: Sequence[Point]) -> None:
    *others, ours = points[0].milliseconds
    styles = ({"color": OTHER_COLOUR}, {"color": THEIRS_COLOUR}, {"color": THEIRS_COLOUR})
    dashes = (":", "--", "-", "-")
    for name, style, dash in zip(
        (*others, ours), (*styles, {"color": OURS_COLOUR}), dashes, strict=True
    ):
        times = [p.milliseconds[name] for p in points]
        axes.plot([p.operations for p in points], times, dash, marker="o", label=name, **style)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    axes.set_title(f"milliseconds, {timed}", loc="left", color=INK, fontsize=10)
    axes.legend(frameon=False, fontsize="small")
