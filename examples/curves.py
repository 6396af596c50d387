# SPDX-License-Identifier: Apache-2.0
"""The picture of two trainings: both loss curves, and below them how far they are apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.ticker import StrMethodFormatter
from plotting import INK, LIMIT_COLOUR, OURS_COLOUR, THEIRS_COLOUR, plt, tidy

from convwright.report.networks import running_mean

TINY = 1e-9  # what equal losses are drawn as: zero has no place on a logarithmic axis


def write_picture(
    path: Path,
    title: str,
    ours: tuple[str, list[float]],
    theirs: tuple[str, list[float]],
    checked_steps: int,
    limit: float,
) -> None:
    """Writes a PNG; `ours` and `theirs` are a name and a loss for each step.

    `limit` is the largest relative difference allowed in the first `checked_steps` steps.
    """
    figure, (upper, lower) = plt.subplots(
        2,
        1,
        figsize=(9, 6.5),
        dpi=150,
        height_ratios=(2.4, 1),
        layout="constrained",
    )
    draw_losses(upper, title, ours, theirs)
    draw_difference(lower, np.array(ours[1]), np.array(theirs[1]), checked_steps, limit)
    figure.savefig(path, format="png")
    plt.close(figure)


def draw_losses(
    axes: plt.Axes, title: str, ours: tuple[str, list[float]], theirs: tuple[str, list[float]]
) -> None:
    """Each side as a pale line of every step under a running mean; ours thin on top of theirs."""
    for (name, losses), colour, width in ((theirs, THEIRS_COLOUR, 5.0), (ours, OURS_COLOUR, 1.6)):
        steps = np.arange(1, len(losses) + 1)
        axes.plot(steps, losses, color=colour, linewidth=0.5, alpha=0.2)
        axes.plot(steps, running_mean(losses), color=colour, linewidth=width, label=name)
    axes.set_title(title, loc="left", color=INK, fontsize=12, pad=12)
    axes.set_ylabel("training loss (cross entropy)")
    axes.set_xlabel("step")
    axes.set_xlim(0, len(ours[1]) + 1)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, title="running mean, pale: each step", alignment="left")
    tidy(axes)


def draw_difference(
    axes: plt.Axes, ours: np.ndarray, theirs: np.ndarray, checked_steps: int, limit: float
) -> None:
    """|ours - theirs| / theirs at each step, and the limit where it holds.

    Both axes are logarithmic: the few checked steps stay visible in a long run, where rounding has
    grown to the size of the noise between batches.
    """
    steps = np.arange(1, len(ours) + 1)
    difference = np.maximum(np.abs(ours - theirs) / np.abs(theirs), TINY)
    axes.loglog(steps, difference, color=INK, linewidth=0.8)
    axes.hlines(limit, 1, checked_steps, color=LIMIT_COLOUR, linewidth=2)
    axes.annotate(
        f"limit {limit:g} for the first {checked_steps} steps",
        xy=(1, limit),
        xytext=(3, 4),
        textcoords="offset points",
        color=LIMIT_COLOUR,
        fontsize=9,
    )
    axes.set_xlim(0.9, len(ours) * 1.1)
    axes.set_ylim(TINY / 2, max(1.0, difference.max() * 2))
    axes.set_xlabel("step (equal losses are drawn at the bottom)")
    axes.set_ylabel("relative difference")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    tidy(axes)
