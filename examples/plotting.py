# SPDX-License-Identifier: Apache-2.0
"""The look of the examples' pictures."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")  # a file, not a window: works without a display
import matplotlib.pyplot as plt

INK, GRID, LIMIT_COLOUR = "#2b2b2b", "#e3e3e3", "#c0392b"
OURS_COLOUR, THEIRS_COLOUR, OTHER_COLOUR = "#0b4f8a", "#f2a33a", "#b4b4b4"


def tidy(axes: plt.Axes, grid_axis: str = "y") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9a9a9a")
    axes.tick_params(colors=INK)
    axes.grid(axis=grid_axis, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
