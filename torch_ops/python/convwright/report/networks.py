# SPDX-License-Identifier: Apache-2.0
"""Networks that were trained or tested: curves of loss and accuracy, and accuracy against cost."""

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from convwright.report.pareto import pareto_front
from convwright.report.plot import (
    COLOURS,
    MARKERS,
    Plot,
    add_axes,
    log_scale,
    new_axes,
    new_figure,
    plot_of,
)


def training(content: dict[str, Any], name: str) -> Plot | None:
    """Loss against step, and accuracy against epoch, of each network; None without a training."""
    rows = [row for row in content["rows"] if row.get("losses")]
    if not rows:
        return None
    figure = new_figure(7.0)
    upper, lower = add_axes(figure, 2, 1, 1), add_axes(figure, 2, 1, 2)
    said = []
    for index, row in enumerate(rows):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        losses, accuracy = row["losses"], row["accuracy"]
        # Thinner on top: networks that train alike cover each other.
        width = 1.0 + 0.8 * (len(rows) - 1 - index)
        steps = np.arange(1, len(losses) + 1)
        upper.plot(steps, running_mean(losses), color=colour, linewidth=width, label=row["network"])
        epochs = range(1, len(accuracy) + 1)
        lower.plot(epochs, accuracy, color=colour, marker=marker, label=row["network"])
        said.append(
            f"{row['network']} ends at {running_mean(losses)[-1]:.3f} and {accuracy[-1]:.2%}"
        )
    upper.set_xlabel("step")
    upper.set_ylabel("training loss, running mean")
    upper.set_ylim(bottom=0)
    lower.set_xlabel("epoch")
    lower.set_ylabel("test accuracy")
    lower.set_xlim(0.5, max(len(row["accuracy"]) for row in rows) + 0.5)
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    lower.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in (upper, lower):
        axes.legend(fontsize="small")
    alt = (
        f"Training loss over {len(rows[0]['losses'])} steps and test accuracy over "
        f"{len(rows[0]['accuracy'])} epochs of {content['title']}: {'; '.join(said)}."
    )
    return plot_of(figure, name, content["title"], alt)


def running_mean(losses: list[float]) -> np.ndarray:
    """Mean around each step: over a fiftieth of the run, less towards the ends, never lopsided."""
    count = len(losses)
    step = np.arange(count)
    reach = np.minimum(np.minimum(step, count - 1 - step), count // 100)
    sums = np.concatenate(([0.0], np.cumsum(losses)))
    return (sums[step + reach + 1] - sums[step - reach]) / (2 * reach + 1)


def accuracy_and_cost(content: dict[str, Any], name: str) -> Plot | None:
    """Of networks whose cost is known, in the file's unit; None where fewer than two have one."""
    rows = [row for row in content["rows"] if row.get("cost")]
    if len(rows) < 2:
        return None
    points = [(row["network"], row["cost"], row["accuracy"][-1]) for row in rows]
    front = pareto_front(points, lambda p: (p[1], -p[2]))
    figure, axes = new_axes(5.0)
    axes.plot([p[1] for p in front], [p[2] for p in front], "--", color="black", linewidth=0.8)
    axes.scatter([p[1] for p in points], [p[2] for p in points], color=COLOURS[0], s=24)
    for label, cost, accuracy in points:
        place = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 7}
        axes.annotate(label, (cost, accuracy), **place)
    log_scale(axes, "x")
    axes.margins(x=0.2)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel(content["cost"])
    axes.set_ylabel("test accuracy")
    said = ", ".join(f"{label} ({cost:.3g}, {accuracy:.2%})" for label, cost, accuracy in front)
    alt = f"Accuracy against {content['cost']} of {content['title']}; none beats {said} in both."
    return plot_of(figure, name, f"{content['title']}: accuracy against cost", alt)
