# SPDX-License-Identifier: Apache-2.0
"""What all plots of a report share: size, colours, axes, and how they become files."""

import io
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

# Of Okabe and Ito, which the colour-blind tell apart; verdicts have words and markers, too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")
_WIDTH = 8.0  # inches, at 100 dots each
_DOTS = 100


@dataclass(frozen=True)
class Plot:
    name: str  # of a file, without ".png"
    title: str
    alt: str
    png: bytes


def new_figure(height: float) -> Figure:
    return Figure(figsize=(_WIDTH, height), layout="constrained")


def add_axes(figure: Figure, *place: int) -> Axes:
    """`place` as of Figure.add_subplot."""
    axes = figure.add_subplot(*place)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def new_axes(height: float) -> tuple[Figure, Axes]:
    figure = new_figure(height)
    return figure, add_axes(figure)


def log_scale(axes: Axes, *names: str) -> None:
    """Logarithmic, with ticks at 1, 2 and 5 that are written out."""
    for name in names:
        axes.set(**{f"{name}scale": "log"})
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(plain_number)
        axis.set_minor_locator(NullLocator())


def plain_number(value: float, _: int) -> str:
    return f"{value:g}"


def plot_of(figure: Figure, name: str, title: str, alt: str) -> Plot:
    file = io.BytesIO()
    # No date and no version in it: the same results give the same file.
    figure.savefig(file, format="png", dpi=_DOTS, metadata={"Software": None})
    return Plot(name, title, alt, file.getvalue())
