# SPDX-License-Identifier: Apache-2.0
"""The results file: JSON, written anew after every row; an interrupted run keeps its rows."""

import json
import os
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

SCHEMA = 1
# What every file has.
_ALWAYS = {
    **{"date": str, "machine": dict, "threads": int},
    **{"clock": str, "finished": bool, "rows": list},
}

# The sides of a row: who computes, in what memory format.
OURS, TORCHS = "convwright", "torch"
FORMAT_NAMES = ("nhwc", "nchw")
SIDES = tuple(f"{who}_{name}" for who in (OURS, TORCHS) for name in FORMAT_NAMES)
OUR_BEST = f"{OURS}_nhwc"  # the side whose ratio is reported


class BadResults(ValueError):
    """Not a results file. The text says why."""


class ResultsFile:
    """Rows and what they were measured with. Nothing is written where `path` is None."""

    def __init__(self, path: Path | None, about: dict) -> None:
        """`about` goes into the file before the rows. Raises OSError if it cannot be written."""
        self.path = path
        now = datetime.now(timezone.utc)
        self.content = {"schema": SCHEMA, "date": now.strftime("%Y-%m-%d")} | about
        self.content |= {"finished": False, "rows": []}
        self._write()

    @property
    def rows(self) -> list[dict]:
        return self.content["rows"]

    def add(self, row: dict) -> None:
        self.rows.append(row)
        self._write()

    def put(self, **values: object) -> None:
        self.content |= values
        self._write()

    def _write(self) -> None:
        if self.path is None:
            return
        # Written beside and moved into place: whoever reads finds the old rows or the new ones.
        part = self.path.with_name(self.path.name + ".part")
        try:
            part.write_text(json.dumps(self.content, indent=1) + "\n")
            os.replace(part, self.path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def default_path(where: str, folder: Path) -> Path:
    """<date>-<where>.json; "-2" and so on where there is one of this day already."""
    folder.mkdir(exist_ok=True)
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    stem = f"{date}-{where}"
    path, number = folder / f"{stem}.json", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.json", number + 1
    return path


def read(path: Path) -> dict:
    """Raises BadResults where there is no results file of this schema."""
    try:
        content = json.loads(path.read_text())
        schema = content["schema"]
        for name, kind in _ALWAYS.items():
            if not isinstance(content[name], kind):
                raise TypeError(f"{name} is {content[name]!r}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadResults(
            f"{path} is not a results file of `convwright bench` ({error!r})"
        ) from None
    if schema != SCHEMA:
        raise BadResults(f"{path} has schema {schema}, this program reads {SCHEMA}: measure again")
    return content
