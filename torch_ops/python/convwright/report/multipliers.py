# SPDX-License-Identifier: Apache-2.0
"""Approximate multipliers: error, speed, published energy and accuracy of networks beside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from convwright.report.pareto import pareto_front
from convwright.report.plot import COLOURS, Plot, log_scale, new_axes, plain_number, plot_of

# Rows of bench/approximate.py that are about one layer.
_LAYER_ROWS = ("float32 layer", "8-bit layer")
Key = tuple[str, str]  # multiplier, number format


@dataclass(frozen=True)
class Rated:
    """One multiplier in one number format."""

    label: str
    error: float  # mean of a product's, percent
    speed: float | None  # beside PyTorch's exact convolution
    saving: float  # the least published saving of energy, percent; 0 where none is published
    energy: str  # what is published, with its source
    accuracy: str  # of networks


def speeds(
    comparisons: Iterable[dict[str, Any]], benches: Iterable[dict[str, Any]] = ()
) -> dict[Key, list[float]]:
    """Of layers beside exact ones, forward: from bench/approximate.py and `convwright bench`."""
    found: dict[Key, list[float]] = {}
    for row in (row for content in comparisons for row in content["rows"]):
        if not row["name"].startswith(_LAYER_ROWS):
            continue
        for side, ratio in row["ratios"].items():  # "mbm", "mbm int8"
            multiplier, _, number_format = side.partition(" ")
            found.setdefault((multiplier, number_format or "float32"), []).append(ratio)
    for row in (row for content in benches for row in content["rows"]):
        if "multiplier" in row and row["direction"] in ("fprop", "inference"):
            found.setdefault((row["multiplier"], row["number_format"]), []).append(row["ratio"])
    return found


def accuracies(networks: Iterable[dict[str, Any]]) -> dict[Key, list[str]]:
    """Of networks whose weights were loaded into layers of a multiplier."""
    found: dict[Key, list[str]] = {}
    for content in networks:
        for row in content["rows"]:
            if "multiplier" in row:
                text = f"{row['accuracy'][-1]:.2%} ({content['title']})"
                found.setdefault((row["multiplier"], row["number_format"]), []).append(text)
    return found


def rate(
    speed: Mapping[Key, Sequence[float]], accuracy: Mapping[Key, Sequence[str]]
) -> list[Rated]:
    """Every multiplier that was timed, or that a network was tested with."""
    keys = list(dict.fromkeys((*speed, *accuracy)))
    if not keys:
        return []
    from convwright import multipliers  # PyTorch, which pages without multipliers do not need

    found = []
    for key in keys:
        name, number_format = key
        try:
            about = multipliers.parse(name).describe(number_format)
        except ValueError:  # a side that is no multiplier, such as a vectorised form in PyTorch
            continue
        found.append(
            Rated(
                f"{name} {number_format}",
                about.mean_abs,
                geometric_mean(speed[key]) if key in speed else None,
                about.energy_saving or 0.0,
                f"{about.energy} ({about.energy_source})" if about.energy else "",
                ", ".join(accuracy.get(key, ())),
            )
        )
    return found


def best(rated: Sequence[Rated]) -> list[Rated]:
    """Those timed that no other beats in all of error, speed and published energy."""
    timed = [r for r in rated if r.speed is not None]
    return pareto_front(timed, lambda r: (r.error, -r.speed, -r.saving))


def error_and_speed(rated: Sequence[Rated]) -> Plot | None:
    """Filled: those that none beats; a diamond has a published saving of energy."""
    front = best(rated)
    if not front:
        return None
    figure, axes = new_axes(5.0)
    for r in (r for r in rated if r.speed is not None):
        axes.scatter(
            [r.error],
            [r.speed],
            s=36,
            marker="D" if r.saving else "o",
            edgecolors=COLOURS[0],
            facecolors=COLOURS[0] if r in front else "none",
        )
        place = {"xytext": (5, 4), "textcoords": "offset points", "fontsize": 7}
        axes.annotate(r.label, (r.error, r.speed), **place)
    # Symmetric: exact multipliers have no error.
    axes.set_xscale("symlog", linthresh=0.01)
    log_scale(axes, "y")
    axes.xaxis.set_major_formatter(plain_number)
    axes.margins(x=0.15)
    axes.set_xlabel("mean error of a product, percent; a diamond has a published energy saving")
    axes.set_ylabel("speed / PyTorch's exact convolution")
    said = ", ".join(f"{r.label} ({r.error:.2g} %, {r.speed:.2g})" for r in front)
    alt = f"Error against speed of multipliers; in error, speed and energy none beats {said}."
    return plot_of(figure, "multipliers", "Multipliers: error against speed", alt)
