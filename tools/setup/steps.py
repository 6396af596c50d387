# SPDX-License-Identifier: Apache-2.0
"""The steps of the set-up, in order. Each says what it does and how long it took."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import system_packages
from virtual_env import VirtualEnv

ROOT = Path(__file__).resolve().parents[2]


def say(text: str) -> None:
    print(f"Set-up: {text}", flush=True)


@contextlib.contextmanager
def one_set_up_at_a_time() -> Iterator[None]:
    """`make demo` and `make test` may be started in two terminals: the second waits here."""
    with open(ROOT / "requirements.lock") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this checkout")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def set_up_system_packages() -> None:
    """Installs what is missing when the user may; otherwise says how, and goes on."""
    names = system_packages.REQUIRED + system_packages.OPTIONAL
    missing = system_packages.missing_packages(names)
    if missing is None:
        say("no dpkg here, so nothing was checked; needed are: " + " ".join(names))
        return
    if not missing:
        return
    prefix = system_packages.administrator_prefix()
    if prefix is None:
        say(f"please install, as root: {system_packages.apt_get_line(missing)}")
        say("going on without; what needs them will say so")
        return

    start = time.perf_counter()
    say("installing from the distribution: " + " ".join(missing))
    trouble = system_packages.update(prefix)
    if trouble:  # the old lists may still do
        say(f"apt-get update failed: {trouble}")
    # Apart, so that an optional package that is not to be had does not stop the others.
    optional = [(name,) for name in system_packages.OPTIONAL]
    for part in (system_packages.REQUIRED, *optional):
        wanted = [name for name in missing if name in part]
        trouble = system_packages.install(prefix, wanted) if wanted else None
        if trouble:
            say(f"`{system_packages.apt_get_line(wanted)}` failed: {trouble}")
            say("going on without; what needs them will say so")
    say(f"distribution packages took {time.perf_counter() - start:.0f} s")


def set_up_virtual_env(version: str | None) -> None:
    """Brings .venv to the state that the lock file describes. Raises CalledProcessError."""
    env = VirtualEnv(ROOT / ".venv", ROOT / "requirements.lock")
    todo = env.what_to_do(version)
    if todo == "keep":
        return
    start = time.perf_counter()
    if todo == "make":
        running = ".".join(str(part) for part in sys.version_info[:2])
        say(f"making .venv with Python {running}; it will take about 5 GB, most of it for PyTorch")
        env.make()
    say("installing the packages of requirements.lock")
    env.fill(show_progress=sys.stdout.isatty())
    say(f"the virtual environment took {time.perf_counter() - start:.0f} s")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 tools/setup",
        description="Makes the machine ready to build Convwright: a virtual environment .venv with "
        "the packages of requirements.lock, and the Debian packages when the user may install "
        "them. Finds what is in place and does nothing twice.",
    )
    parser.add_argument(
        "--python-chosen",
        action="store_true",
        help="make .venv anew if its Python is of another version than the running one",
    )
    options = parser.parse_args()

    # A `kill` is then as an interrupt from the keyboard: pip is ended too, not left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    start = time.perf_counter()
    basics = system_packages.missing_basics()
    if basics:
        line = system_packages.apt_get_line(basics)
        say(f"{' and '.join(basics)} missing: please install, as root, with `{line}`.")
        return 1
    version = ".".join(str(part) for part in sys.version_info[:2])
    try:
        with one_set_up_at_a_time():
            set_up_system_packages()
            set_up_virtual_env(version if options.python_chosen else None)
    except subprocess.CalledProcessError:
        say("stopped by the error above; the next `make` takes it up again.")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next `make` takes it up again.")
        return 130
    say(f"everything is in place ({time.perf_counter() - start:.1f} s)")
    return 0
