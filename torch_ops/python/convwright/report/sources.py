# SPDX-License-Identifier: Apache-2.0
"""What a report is made of: results files, and the records of a tuning database."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwright._tuner_program import TunerMissing, find_tuner
from convwright.bench import results
from convwright.bench.results import BadResults
from convwright.bench.summary import Group, groups

# What every row of networks has, and what their file has.
_NETWORK, _NETWORKS = {"network", "accuracy"}, {"title", "cost"}


@dataclass(frozen=True)
class Sources:
    benches: tuple[dict[str, Any], ...]  # of `convwright bench`
    comparisons: tuple[dict[str, Any], ...]  # rows with a name and ratios: networks, multipliers
    records: tuple[dict[str, Any], ...]  # trials of the tuner
    choices: tuple[dict[str, Any], ...]
    # Of examples' --record: networks that were trained or tested.
    networks: tuple[dict[str, Any], ...] = ()
    # Trials of `convwright-tune record`: every candidate of a space, with its predicted cycles.
    recorded: tuple[dict[str, Any], ...] = ()

    @property
    def groups(self) -> list[tuple[dict[str, Any], Group]]:
        """Each suite, direction and state of the caches, with the file that it is from."""
        return [(content, group) for content in self.benches for group in groups(content["rows"])]


def read(
    files: Iterable[Path], records: Iterable[str] = (), recordings: Iterable[Path] = ()
) -> Sources:
    """Sort results files by what their rows are; `records` are lines of `convwright db export`,
    `recordings` files of `convwright-tune record`.

    Raises BadResults with one sentence for a file or a line that is none.
    """
    benches, comparisons, networks = [], [], []
    for path in files:
        content = results.read(path)
        rows = content["rows"]
        if content.keys() >= _NETWORKS and all(row.keys() >= _NETWORK for row in rows):
            networks.append(content)
        elif all("problem" in row for row in rows):
            benches.append(content)
        elif all("name" in row and "ratios" in row for row in rows):
            comparisons.append(content)
        else:
            raise BadResults(
                f"{path} has rows that are neither problems, nor comparisons, nor networks; give "
                "files of `convwright bench --out`, of bench/ or of an example's --record"
            )
    trials, choices = [], []
    for number, line in enumerate(records, 1):
        try:
            entry = json.loads(line)
        except ValueError:
            raise BadResults(f"line {number} of the records is no JSON") from None
        if "outcome" in entry:
            trials.append(entry)
        elif "choice" in entry:
            choices.append(entry)
    recorded = [trial for path in recordings for trial in _recording(path)]
    return Sources(*map(tuple, (benches, comparisons, trials, choices, networks, recorded)))


def _recording(path: Path) -> list[dict[str, Any]]:
    """The trials of one file, each with the problem and the pass of its first line."""
    try:
        head, *trials = map(json.loads, path.read_text().splitlines())
        key = {name: head[name] for name in ("problem", "phase", "convwright_replay")}
        return [key | {"candidate": trial["candidate"]} | trial for trial in trials]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadResults(
            f"{path} is not a recording of `convwright-tune record` ({error!r})"
        ) from None


def exported_records(database: Path | None) -> list[str]:
    """The lines of this database, or of this user's. Raises TunerMissing where there are none."""
    command = [str(find_tuner())]
    if database is not None:
        command += ["--db", str(database)]
    done = subprocess.run(
        [*command, "db", "export", "-"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise TunerMissing(done.stderr.strip().removeprefix("convwright-tune: "))
    return done.stdout.splitlines()
