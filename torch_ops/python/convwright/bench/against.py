# SPDX-License-Identifier: Apache-2.0
"""Results beside earlier ones of the same machine: what became slower, what faster."""

from dataclasses import dataclass
from typing import Any

from convwright.bench.results import OUR_BEST
from convwright.bench.timing import Samples, verdict

# What two files must have in common for their times to mean the same.
_SAME_MACHINE = ("cpu", "isa", "gpu", "architecture")


class NotComparable(ValueError):
    """The results are of other conditions. The text says which."""


@dataclass(frozen=True)
class Change:
    """One row in both files; seconds are medians of Convwright in channels_last."""

    problem: str
    direction: str
    cache: str
    before: float
    now: float
    verdict: str  # FAST or SLOW where the intervals are apart, else AMBG

    @property
    def ratio(self) -> float:
        """Above 1 it became faster."""
        return self.before / self.now


def check_comparable(baseline: dict[str, Any], about: dict[str, Any]) -> None:
    """Raises NotComparable if `about`, of the run to come, differs in machine, threads or clock, or
    the baseline's rows are not convolutions."""
    if not all(_is_convolution(row) for row in baseline["rows"]):
        raise NotComparable("the baseline's rows are none of `convwright bench`")
    for key in _SAME_MACHINE:
        then, now = baseline["machine"].get(key), about["machine"].get(key)
        if then != now:
            raise NotComparable(f"the baseline was measured on {key} {then!r}, this is {now!r}")
    for key in ("threads", "clock"):
        if baseline[key] != about[key]:
            raise NotComparable(
                f"the baseline was measured with {key} {baseline[key]!r}, this run has "
                f"{about[key]!r}"
            )


def _is_convolution(row: Any) -> bool:
    if not isinstance(row, dict) or not {"problem", "direction", "cache"} <= row.keys():
        return False
    return "error" in row or OUR_BEST in row.get("seconds", ())


def changes(baseline: dict[str, Any], content: dict[str, Any]) -> list[Change]:
    """Of the rows that both have, in the order of `content`."""
    before = {_key(row): row for row in baseline["rows"] if "error" not in row}
    found = []
    for row in content["rows"]:
        old = before.get(_key(row))
        if old is None or "error" in row:
            continue
        then, now = (Samples(**r["seconds"][OUR_BEST]) for r in (old, row))
        found.append(Change(*_key(row), then.median, now.median, verdict(now, then)))
    return found


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["problem"], row["direction"], row["cache"]
