# SPDX-License-Identifier: Apache-2.0
"""Plots of benchmarks and of tuning, each with the sentence that stands for it unseen."""

from collections.abc import Mapping, Sequence
from statistics import geometric_mean
from typing import Any

import numpy as np

from convwright.bench.results import OUR_BEST
from convwright.bench.summary import Group
from convwright.report.plot import COLOURS, MARKERS, Plot, log_scale, new_axes, plot_of

_VERDICT_COLOURS = {"FAST": "#009E73", "AMBG": "#999999", "SLOW": "#D55E00"}
_MOST_NAMED = 8  # curves with a legend


def roofline(content: dict[str, Any], name: str) -> Plot | None:
    """Rows under the limits of their machine; None where the limits were not measured."""
    limits = content.get("roofline")
    rows = [row for row in content["rows"] if "error" not in row]
    if limits is None or not rows:
        return None
    figure, axes = new_axes(5.0)
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
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            label=direction,
        )
    log_scale(axes, "x", "y")
    axes.set_xlabel("operations per compulsory byte")
    axes.set_ylabel("GFLOP/s")
    axes.legend(fontsize="small")
    shares = [row["roofline_percent"] for row in rows]
    alt = (
        f"Roofline of {content['machine']['cpu']}: peak {limits['gflops']:.0f} GFLOP/s, "
        f"{copies[max(copies)]:.0f} GB/s from memory. {len(rows)} rows reach {min(shares):.0f} to "
        f"{max(shares):.0f} percent of their limit, median {np.median(shares):.0f}."
    )
    return plot_of(figure, name, "Roofline", alt)


def speed_ups(groups: Sequence[Group], name: str) -> Plot | None:
    """A bar for each layer of one suite, by direction; None without a timed row."""
    rows = [row for group in groups for row in group.timed]
    if not rows:
        return None
    figure, axes = new_axes(0.9 + 0.2 * len(rows))
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
    log_scale(axes, "x")
    low, high = min(row["ratio"] for row in rows), max(row["ratio"] for row in rows)
    axes.set_xlim(min(low, 0.9) / 1.6, max(high, 1.1) * 1.6)
    axes.set_xlabel("PyTorch's time / Convwright's: above 1 Convwright is faster")
    slow = sum(row["verdict"] == "SLOW" for row in rows)
    alt = (
        f"Speed beside PyTorch of {len(rows)} rows of {groups[0].suite}: {low:.2f} to {high:.2f}, "
        f"geometric mean {geometric_mean(row['ratio'] for row in rows):.2f}; {slow} are slower."
    )
    return plot_of(figure, name, f"{groups[0].suite}, {groups[0].cache} caches", alt)


def progress(curves: Mapping[str, Sequence[float]]) -> Plot | None:
    if not curves:
        return None
    figure, axes = new_axes(4.0)
    named = len(curves) <= _MOST_NAMED
    for name, curve in curves.items():
        style = {"label": _short(name)} if named else {"color": COLOURS[0], "alpha": 0.4}
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
    return plot_of(figure, "tuning-progress", "Progress of the searches", alt)


def predictions(pairs: Mapping[str, Sequence[tuple[float, float]]]) -> Plot | None:
    """Predicted cycles against measured seconds, each by the best of its problem."""
    if not pairs:
        return None
    figure, axes = new_axes(5.0)
    said = []
    for index, (name, own) in enumerate(pairs.items()):
        predicted, measured = (np.array(values) for values in zip(*own, strict=True))
        axes.scatter(
            predicted / predicted.min(),
            measured / measured.min(),
            s=8,
            alpha=0.6,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
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
    log_scale(axes, "x", "y")
    axes.set_xlabel("predicted / best predicted")
    axes.set_ylabel("measured / best measured")
    if len(pairs) <= _MOST_NAMED:
        axes.legend(fontsize=6)
    alt = f"Predicted against measured. {'; '.join(said)}."
    return plot_of(figure, "predicted-measured", "Predicted against measured", alt)


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
    figure, axes = new_axes(0.9 + 0.25 * len(importance))
    names = list(importance)
    axes.barh(names, [importance[n] for n in names], color=COLOURS[0])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the variance of log(time) between the knob's values")
    alt = "Importance of knobs: " + ", ".join(f"{n} {importance[n]:.0%}" for n in names) + "."
    return plot_of(figure, "knob-importance", "Importance of knobs", alt)


def _short(problem: str) -> str:
    """Without what all rows of a suite share."""
    return problem.partition("_")[2].replace("_f32", "").replace("_nhwc", "")


def median_milliseconds(row: dict[str, Any]) -> tuple[float, float]:
    """Convwright's in channels_last, and PyTorch's in its better format."""
    ours, theirs = (row["seconds"][side]["median"] for side in (OUR_BEST, row["torch_best"]))
    return ours * 1e3, theirs * 1e3
