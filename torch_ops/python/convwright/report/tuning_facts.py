# SPDX-License-Identifier: Apache-2.0
"""What the tuner's records say: progress of the searches, failures, which knobs matter."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import fmean
from typing import Any

_OK = "ok"
# Fewer trials than this say nothing about a knob.
_LEAST_TRIALS = 8


def progress_curves(records: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """By problem and pass, in order of the trials: best time so far over the best of all.

    Problems with one trial that ran have no curve.
    """
    curves = {}
    for name, trials in _by_search(records).items():
        best, curve = math.inf, []
        for trial in sorted(trials, key=lambda t: t["recorded"]):
            if trial["outcome"] == _OK:
                best = min(best, trial["seconds"])
            if best < math.inf:
                curve.append(best)
        if len(curve) > 1:
            curves[name] = [seconds / best for seconds in curve]
    return curves


def failures(records: Iterable[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """(outcome, reason, how often), the most frequent first."""
    counts = Counter((r["outcome"], r.get("reason", "")) for r in records if r["outcome"] != _OK)
    return [(outcome, reason, count) for (outcome, reason), count in counts.most_common()]


def predictions(recorded: Iterable[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """(predicted cycles, measured seconds) of the candidates that ran, by problem and pass."""
    found = {
        name: [
            (t["predicted"], t["seconds"])
            for t in trials
            if t["outcome"] == _OK and t.get("predicted") is not None
        ]
        for name, trials in _by_search(recorded).items()
    }
    return {name: pairs for name, pairs in found.items() if len(pairs) > 1}


def knob_importance(records: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Share of the variance of log(seconds) that lies between a knob's values, of 1; the mean over
    the searches in which the knob varies, the largest first.

    It is the correlation ratio: knobs that act together share what they explain.
    """
    shares: dict[str, list[float]] = defaultdict(list)
    for trials in _by_search(records).values():
        points = [
            (_knobs(t["candidate"]), math.log(t["seconds"]))
            for t in trials
            if t["outcome"] == _OK and "/" in t["candidate"]
        ]
        if len(points) < _LEAST_TRIALS:
            continue
        for knob in {name for knobs, _ in points for name in knobs}:
            share = _between([(knobs.get(knob), y) for knobs, y in points])
            if share is not None:
                shares[knob].append(share)
    found = {knob: fmean(values) for knob, values in shares.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _between(points: list[tuple[str | None, float]]) -> float | None:
    """None where the value does not vary, or the time does not."""
    mean = fmean(y for _, y in points)
    whole = sum((y - mean) ** 2 for _, y in points)
    by_value: dict[str | None, list[float]] = defaultdict(list)
    for value, y in points:
        by_value[value].append(y)
    if len(by_value) < 2 or whole == 0:
        return None
    return sum(len(ys) * (fmean(ys) - mean) ** 2 for ys in by_value.values()) / whole


def _knobs(candidate: str) -> dict[str, str]:
    """Of "conv2d.avx512/lane:0,vec:1"."""
    pairs = (text.partition(":") for text in candidate.partition("/")[2].split(","))
    return {name: value for name, _, value in pairs}


def _by_search(records: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    searches: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        phase = f" pass {record['phase']}" if record["phase"] else ""
        searches[f"{record['problem']}{phase}"].append(record)
    return searches
