# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML file: no script, no font, no picture from elsewhere."""

import base64
from importlib import resources
from itertools import groupby
from typing import Any

from jinja2 import Environment, StrictUndefined

from convwright.report import figures, multipliers, networks, tuning_facts
from convwright.report.multipliers import Rated
from convwright.report.plot import Plot
from convwright.report.sources import Sources


def plots_of(sources: Sources) -> dict[str, list[Plot]]:
    """By section of the page."""
    found: dict[str, list[Plot | None]] = {"roofline": [], "speed": []}
    for number, content in enumerate(sources.benches, 1):
        found["roofline"].append(figures.roofline(content, f"roofline-{number}"))
    keyed = groupby(sources.groups, key=lambda g: (id(g[0]), g[1].suite, g[1].cache))
    for number, ((_, suite, cache), members) in enumerate(keyed, 1):
        own = [group for _, group in members]
        found["speed"].append(figures.speed_ups(own, f"speed-{number}-{suite}-{cache}"))
    found["tuning"] = [
        figures.progress(tuning_facts.progress_curves(sources.records)),
        figures.predictions(tuning_facts.predictions(sources.recorded)),
        figures.knobs(tuning_facts.knob_importance([*sources.records, *sources.recorded])),
    ]
    found["multipliers"] = [multipliers.error_and_speed(_rated(sources))]
    found["training"] = [
        plot
        for number, content in enumerate(sources.networks, 1)
        for plot in (
            networks.training(content, f"training-{number}"),
            networks.accuracy_and_cost(content, f"accuracy-{number}"),
        )
    ]
    return {section: [p for p in plots if p is not None] for section, plots in found.items()}


def render(sources: Sources, plots: dict[str, list[Plot]]) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["png"] = lambda plot: base64.b64encode(plot.png).decode()
    rated = _rated(sources)
    text = (resources.files(__package__) / "page.html.j2").read_text()
    return environment.from_string(text).render(
        plots=plots,
        machines=[_machine(content) for content in sources.benches],
        summary=[_summary(content, group) for content, group in sources.groups],
        losses=_losses(sources),
        errors=[row for c in sources.benches for row in c["rows"] if "error" in row],
        comparisons=[row for content in sources.comparisons for row in content["rows"]],
        failures=tuning_facts.failures([*sources.records, *sources.recorded]),
        trials=len(sources.records) + len(sources.recorded),
        choices=sources.choices,
        networks=sources.networks,
        multipliers=rated,
        best=multipliers.best(rated),
    )


def _rated(sources: Sources) -> list[Rated]:
    speeds = multipliers.speeds(sources.comparisons, sources.benches)
    return multipliers.rate(speeds, multipliers.accuracies(sources.networks))


def _machine(content: dict[str, Any]) -> dict[str, Any]:
    return content["machine"] | {
        "threads": content["threads"],
        "clock": content["clock"],
        "date": content["date"],
        "finished": content["finished"],
    }


def _summary(content: dict[str, Any], group: Any) -> dict[str, Any]:
    timed, about = group.timed, content["machine"]
    return {
        "machine": f"{about.get('gpu', about['cpu'])}, {content['date']}",
        "group": group,
        "mean": group.mean,
        "slowest": group.slowest_first[0]["ratio"] if timed else None,
    }


def _losses(sources: Sources) -> list[dict[str, Any]]:
    """Every row that is slower, the slowest first."""
    rows = [row for _, group in sources.groups for row in group.timed if row["verdict"] == "SLOW"]
    rows.sort(key=lambda row: row["ratio"])
    return [
        row | dict(zip(("ours_ms", "theirs_ms"), figures.median_milliseconds(row), strict=True))
        for row in rows
    ]
