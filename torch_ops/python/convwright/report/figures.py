# SPDX-License-Identifier: Apache-2.0
"""The plots of a report, each with the sentence that stands for it where it is not seen."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from convwright.bench.results import OUR_BEST
from convwright.bench.summary import Group

# Of Okabe and Ito, which the colour-blind tell apart; verdicts have words and markers, too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_MARKERS = ("o", "s", "^", "D")
_VERDICT_COLOURS = {"FAST": "#009E73", "AMBG": "#999999", "SLOW": "#D55E00"}
_WIDTH = 8.0  # inches, at 100 dots each
_DOTS = 100
_MOST_NAMED = 8  # curves with a legend


@dataclass(frozen=True)
class Plot:
    name: str  # of a file, without ".png"
    title: str
    alt: str
    png: bytes


def roofline(content: dict[str, Any], name: str) -> Plot | None:
    """Rows under the limits of their machine; None where the limits were not measured."""
    limits = content.get("roofline")
    rows = [row for row in content["rows"] if "error" not in row]
    if limits is None or not rows:
        return None
    figure, axes = _axes(5.0)
    intensity = np.geomspace(0.1, 1000, 200)
    copies = {int(size): rate for size, rate in limits["copy_gbytes"].items()}
    for label, rate, style in (
        ("memory", copies[max(copies)], "-"),
        ("fastest cache", max(copies.values()), "--"),
    ):
        limit = np.minimum(intensity * rate, limits["gflops"])
        axes.plot(intensity, limit, style, color="black", label=f"{label}: {rate:.0f} GB/s")
    directions = list(dict.fromkeys(row["direction"] for row in rows))
    for index, direction in enumerate(directions):
        own = [row for row in rows if row["direction"] == direction]
        axes.scatter(
            [row["gflops"] / row["gbytes"] for row in own],
            [row["gflops"] for row in own],
            s=18,
            color=_COLOURS[index % len(_COLOURS)],
            marker=_MARKERS[index % len(_MARKERS)],
            label=direction,
        )
    _log_scale(axes, "x", "y")
    axes.set_xlabel("operations per compulsory byte")
    axes.set_ylabel("GFLOP/s")
    axes.legend(fontsize="small")
    shares = [row["roofline_percent"] for row in rows]
    alt = (
        f"Roofline of {content['machine']['cpu']}: peak {limits['gflops']:.0f} GFLOP/s, "
        f"{copies[max(copies)]:.0f} GB/s from memory. {len(rows)} rows reach {min(shares):.0f} to "
        f"{max(shares):.0f} percent of their limit, median {np.median(shares):.0f}."
    )
    return _plot(figure, name, "Roofline", alt)


def speed_ups(groups: Sequence[Group], name: str) -> Plot | None:
    """A bar for each layer of one suite, by direction; None without a timed row."""
    rows = [row for group in groups for row in group.timed]
    if not rows:
        return None
    figure, axes = _axes(0.9 + 0.2 * len(rows))
    labels = [f"{row['direction']}  {_short(row['problem'])}" for row in rows]
    places = np.arange(len(rows))
    colours = [_VERDICT_COLOURS[row["verdict"]] for row in rows]
    axes.barh(places, [row["ratio"] - 1 for row in rows], left=1, color=colours, height=0.75)
    for place, row in zip(places, rows, strict=True):
        text = f" {row['ratio']:.2f} {row['verdict']} "
        side = "left" if row["ratio"] >= 1 else "right"
        axes.text(row["ratio"], place, text, ha=side, va="center", fontsize=6)
    axes.set_yticks(places, labels, fontsize=6, family="monospace")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(1, color="black", linewidth=0.8)
    _log_scale(axes, "x")
    low, high = min(row["ratio"] for row in rows), max(row["ratio"] for row in rows)
    axes.set_xlim(min(low, 0.9) / 1.6, max(high, 1.1) * 1.6)
    axes.set_xlabel("PyTorch's time / Convwright's: above 1 Convwright is faster")
    slow = sum(row["verdict"] == "SLOW" for row in rows)
    alt = (
        f"Speed beside PyTorch of {len(rows)} rows of {groups[0].suite}: {low:.2f} to {high:.2f}, "
        f"geometric mean {geometric_mean(row['ratio'] for row in rows):.2f}; {slow} are slower."
    )
    return _plot(figure, name, f"{groups[0].suite}, {groups[0].cache} caches", alt)


def progress(curves: Mapping[str, Sequence[float]]) -> Plot | None:
    if not curves:
        return None
    figure, axes = _axes(4.0)
    named = len(curves) <= _MOST_NAMED
    for name, curve in curves.items():
        style = {"label": _short(name)} if named else {"color": _COLOURS[0], "alpha": 0.4}
        axes.step(range(1, len(curve) + 1), curve, where="post", **style)
    axes.set_xlabel("trials")
    axes.set_ylabel("best so far / best found")
    if named:
        axes.legend(fontsize=6)
    first = [curve[0] for curve in curves.values()]
    alt = (
        f"Best time so far over the trials of {len(curves)} searches: the first trial that ran "
        f"took {min(first):.2f} to {max(first):.2f} times the best one's time."
    )
    return _plot(figure, "tuning-progress", "Progress of the searches", alt)


def predictions(pairs: Mapping[str, Sequence[tuple[float, float]]]) -> Plot | None:
    """Predicted cycles against measured seconds, each by the best of its problem."""
    if not pairs:
        return None
    figure, axes = _axes(5.0)
    said = []
    for index, (name, own) in enumerate(pairs.items()):
        predicted, measured = (np.array(values) for values in zip(*own, strict=True))
        axes.scatter(
            predicted / predicted.min(),
            measured / measured.min(),
            s=8,
            alpha=0.6,
            color=_COLOURS[index % len(_COLOURS)],
            marker=_MARKERS[index % len(_MARKERS)],
            label=_short(name) if len(pairs) <= _MOST_NAMED else None,
        )
        first = measured[predicted.argmin()] / measured.min()
        said.append(
            f"{name}, {len(own)} candidates: rank correlation "
            f"{rank_correlation(predicted, measured):.2f}, the one predicted best takes "
            f"{first:.2f} of the best time"
        )
    _, high = axes.get_ylim()
    axes.plot([1, high], [1, high], color="black", linewidth=0.8)
    _log_scale(axes, "x", "y")
    axes.set_xlabel("predicted / best predicted")
    axes.set_ylabel("measured / best measured")
    if len(pairs) <= _MOST_NAMED:
        axes.legend(fontsize=6)
    alt = f"Predicted against measured. {'; '.join(said)}."
    return _plot(figure, "predicted-measured", "Predicted against measured", alt)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's, 1 where both order alike; equal values share the mean of their ranks. NaN where
    one of them does not vary."""
    ranks = []
    for values in (first, second):
        _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[inverse])
    if any(np.ptp(r) == 0 for r in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def knobs(importance: Mapping[str, float]) -> Plot | None:
    if not importance:
        return None
    figure, axes = _axes(0.9 + 0.25 * len(importance))
    names = list(importance)
    axes.barh(names, [importance[n] for n in names], color=_COLOURS[0])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the variance of log(time) between the knob's values")
    alt = "Importance of knobs: " + ", ".join(f"{n} {importance[n]:.0%}" for n in names) + "."
    return _plot(figure, "knob-importance", "Importance of knobs", alt)


def pareto(points: Sequence[tuple[str, float, float]]) -> Plot | None:
    """(multiplier, mean error in percent, speed beside the exact convolution)."""
    if not points:
        return None
    figure, axes = _axes(5.0)
    best = pareto_front(points)
    axes.plot([p[1] for p in best], [p[2] for p in best], "--", color="black", linewidth=0.8)
    axes.scatter([p[1] for p in points], [p[2] for p in points], color=_COLOURS[0], s=24)
    for name, error, speed in points:
        axes.annotate(name, (error, speed), xytext=(4, 4), textcoords="offset points", fontsize=7)
    # Symmetric: exact multipliers have no error.
    axes.set_xscale("symlog", linthresh=0.01)
    _log_scale(axes, "y")
    axes.xaxis.set_major_formatter(_plain_number)
    axes.margins(x=0.15)
    axes.set_xlabel("mean error of a product, percent")
    axes.set_ylabel("speed / PyTorch's exact convolution")
    alt = "Error against speed of multipliers; none is better in both than " + ", ".join(
        f"{name} ({error:.2g} %, {speed:.2g})" for name, error, speed in best
    )
    return _plot(figure, "multipliers", "Multipliers: error against speed", alt + ".")


def pareto_front(points: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Those that no other beats in both, by rising error."""
    front: list[tuple[str, float, float]] = []
    for point in sorted(points, key=lambda p: (p[1], -p[2])):
        if not front or point[2] > front[-1][2]:
            front.append(point)
    return front


def _short(problem: str) -> str:
    """Without what all rows of a suite share."""
    return problem.partition("_")[2].replace("_f32", "").replace("_nhwc", "")


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _log_scale(axes: Axes, *names: str) -> None:
    """Logarithmic, with ticks at 1, 2 and 5 that are written out."""
    for name in names:
        axes.set(**{f"{name}scale": "log"})
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(_plain_number)
        axis.set_minor_locator(NullLocator())


def _plain_number(value: float, _: int) -> str:
    return f"{value:g}"


def _plot(figure: Figure, name: str, title: str, alt: str) -> Plot:
    file = io.BytesIO()
    # No date and no version in it: the same results give the same file.
    figure.savefig(file, format="png", dpi=_DOTS, metadata={"Software": None})
    return Plot(name, title, alt, file.getvalue())


def median_milliseconds(row: dict[str, Any]) -> tuple[float, float]:
    """Convwright's in channels_last, and PyTorch's in its better format."""
    ours, theirs = (row["seconds"][side]["median"] for side in (OUR_BEST, row["torch_best"]))
    return ours * 1e3, theirs * 1e3
