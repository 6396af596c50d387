# SPDX-License-Identifier: Apache-2.0
"""The virtual environment of the checkout: made, filled from the lock file, kept when it fits."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

RECORD_NAME = "convwright-setup.json"


class VirtualEnv:
    """A virtual environment that remembers, in a record of its own, what it was filled with.

    The record is written as "unfinished" before anything is done and as finished at the very end:
    whatever was interrupted in between is seen at the next start.
    """

    def __init__(self, folder: Path, lock: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self._lock = lock
        self._record = folder / RECORD_NAME

    def what_to_do(self, version: str | None) -> str:
        """One of "keep", "fill" and "make".

        `version` is the Python asked for, such as "3.12"; None accepts the one that is there.
        """
        found = self._version()
        if found is None or version not in (None, found):
            return "make"
        record = self._read_record()
        if record is None:  # made by hand: keep it, and what it has besides
            return "fill"
        if record.get("state") != "finished" or record.get("folder") != str(self.folder.resolve()):
            return "make"  # interrupted; or moved, and its scripts point to the old place
        return "keep" if record.get("lock") == self._lock_hash() else "fill"

    def make(self) -> None:
        """Makes the environment anew with the running interpreter. Raises CalledProcessError."""
        # The python3 that runs may be the very environment's, when it is activated: take its base.
        interpreter = os.path.realpath(sys.executable)
        self.folder.mkdir(exist_ok=True)
        for entry in self.folder.iterdir():  # not the folder: it may be a link to another disk
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        self._write_record("unfinished")
        subprocess.run([interpreter, "-m", "venv", str(self.folder)], check=True)

    def fill(self, show_progress: bool) -> None:
        """Installs exactly the versions of the lock file. Raises CalledProcessError."""
        self._write_record("unfinished")
        pip = [str(self.python), "-m", "pip", "install", "--no-input"]
        # A wheel or nothing: building numpy from source would only fail later, and less clearly.
        pip += ["--disable-pip-version-check", "--only-binary", ":all:"]
        # Each file as the lock file knows it by its SHA-256, or nothing.
        pip.append("--require-hashes")
        if not show_progress:
            pip.append("--quiet")
        subprocess.run([*pip, "-r", str(self._lock)], check=True, stdin=subprocess.DEVNULL)
        self._write_record("finished")

    def _version(self) -> str | None:
        """Its Python as "3.12"; None when it does not run (any more) or has no pip."""
        ask = "import sys; print('%d.%d' % sys.version_info[:2]); import pip"
        try:
            answer = subprocess.run(
                [str(self.python), "-I", "-c", ask], capture_output=True, text=True, check=False
            )
        except OSError:  # not there, or a link to an interpreter that an upgrade took away
            return None
        return answer.stdout.strip() if answer.returncode == 0 else None

    def _lock_hash(self) -> str:
        return hashlib.sha256(self._lock.read_bytes()).hexdigest()

    def _read_record(self) -> dict[str, str] | None:
        try:
            return json.loads(self._record.read_text())
        except FileNotFoundError:
            return None
        except ValueError:  # cut off while it was written
            return {}

    def _write_record(self, state: str) -> None:
        record = {"state": state, "folder": str(self.folder.resolve()), "lock": self._lock_hash()}
        self._record.write_text(json.dumps(record, indent=2) + "\n")
