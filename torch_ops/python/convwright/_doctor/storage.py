# SPDX-License-Identifier: Apache-2.0
"""The tuning database and the folder of kernels that were made: where, how large, how well."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from convwright._doctor.diagnosis import NOTE, Finding


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """By the rule of runtime/cache_folder.cpp; None where no variable says."""
    if own := environment.get("CONVWRIGHT_CACHE_DIR"):
        return Path(own)
    xdg = environment.get("XDG_CACHE_HOME", "")
    if xdg.startswith("/"):
        return Path(xdg) / "convwright"
    home = environment.get("HOME")
    return Path(home) / ".cache" / "convwright" if home else None


def storage(environment: Mapping[str, str]) -> Iterator[Finding]:
    folder = cache_folder(environment)
    if folder is None:
        text = "no place: set CONVWRIGHT_CACHE_DIR, or HOME"
        yield Finding("cache", "folder", text, NOTE)
    else:
        yield _folder(folder)
    named = environment.get("CONVWRIGHT_DB")
    database = Path(named) if named else folder and folder / "tuning.db"
    if database is not None:
        yield _database(database)


def _folder(folder: Path) -> Finding:
    try:
        if not folder.exists():
            return Finding("cache", "folder", f"{folder}, not made yet")
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    except OSError as error:
        return Finding("cache", "folder", f"{folder} cannot be read: {error.strerror}", NOTE)
    return Finding("cache", "folder", f"{folder}, {len(sizes)} files, {_size(sum(sizes))}")


def _database(path: Path) -> Finding:
    """Looks only: nothing is made, repaired or waited for."""
    if not path.exists():
        return Finding("cache", "database", f"{path}, not made yet")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1)
        try:
            (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
        size = _size(path.stat().st_size)
    except (sqlite3.Error, OSError) as error:
        text = f"{path} cannot be read: {error}; `convwright db verify` says more"
        return Finding("cache", "database", text, NOTE)
    if health != "ok":
        text = f"{path} is damaged ({health}); the next tuning keeps what can be read of it"
        return Finding("cache", "database", text, NOTE)
    return Finding("cache", "database", f"{path}, {size}, sound")


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"
