# SPDX-License-Identifier: Apache-2.0
"""Rows of results in groups (suite, direction, caches), with means and losses."""

import math
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Rows of one suite, direction and state of the caches, in the order they were measured."""

    suite: str
    direction: str
    cache: str
    rows: list[dict]

    @property
    def timed(self) -> list[dict]:
        return [row for row in self.rows if "error" not in row]

    @property
    def errors(self) -> list[dict]:
        return [row for row in self.rows if "error" in row]

    @property
    def slowest_first(self) -> list[dict]:
        return sorted(self.timed, key=lambda row: row["ratio"])

    @property
    def mean(self) -> float:
        """Geometric mean of the ratios; NaN without a timed row."""
        logs = [math.log(row["ratio"]) for row in self.timed]
        return math.exp(sum(logs) / len(logs)) if logs else math.nan

    def count(self, verdict: str) -> int:
        return Counter(row["verdict"] for row in self.timed)[verdict]

    def sentence(self) -> str:
        """Mean, minimum and losses; errors too, which the mean leaves out."""
        if not self.timed:
            return f"no time: {len(self.errors)} errors"
        worst = self.slowest_first[0]
        text = (
            f"geometric mean {self.mean:.2f} of {len(self.timed)}, "
            f"minimum {worst['ratio']:.2f} ({worst['problem']}); "
            f"{self.count('FAST')} FAST, {self.count('AMBG')} AMBG, {self.count('SLOW')} SLOW"
        )
        return text + (f", {len(self.errors)} ERRORS" if self.errors else "")


def groups(rows: list[dict]) -> list[Group]:
    by_key: dict[tuple[str, str, str], list[dict]] = {}
    for row in rows:
        by_key.setdefault((row["suite"], row["direction"], row["cache"]), []).append(row)
    return [Group(*key, members) for key, members in by_key.items()]
