# SPDX-License-Identifier: Apache-2.0
"""What comes from Debian or Ubuntu: programs that must be there, packages that are installed."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess

# Headers and libraries of the C++ part and its tests. The names are the same on Ubuntu.
REQUIRED = (
    "python3-dev",
    "libgtest-dev",
    "libgmock-dev",
    "libbenchmark-dev",
    "libcli11-dev",
    "nlohmann-json3-dev",
    "libfmt-dev",
    "libspdlog-dev",
    "libsqlite3-dev",
)
# The images of the demo, which has a fall-back, and a faster second build.
OPTIONAL = ("dataset-fashion-mnist", "ccache")


def missing_basics() -> list[str]:
    """Packages of the programs without which nothing works; they are never installed for the user.

    CXX counts in place of g++. `ensurepip` is the part of venv that Debian packs separately.
    """
    missing = []
    compiler = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    if shutil.which(compiler[0]) is None:
        missing.append("g++")
    if shutil.which("make") is None:
        missing.append("make")
    if importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    return missing


def missing_packages(names: tuple[str, ...]) -> list[str] | None:
    """The packages of `names` that are not installed; None where there is no dpkg to ask."""
    if shutil.which("dpkg-query") is None:
        return None
    # dpkg-query exits 1 when it does not know a name: the known ones are printed all the same.
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    known = (line.split() for line in answer.stdout.splitlines())
    installed = {fields[1] for fields in known if fields[0] == "installed"}
    return [name for name in names if name not in installed]


def apt_get_line(names: list[str]) -> str:
    """The command that a user types to install `names`."""
    return "apt-get install " + " ".join(names)


def administrator_prefix() -> list[str] | None:
    """What to put before apt-get: nothing for root, sudo when it asks no password, else None."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    ask = subprocess.run(
        ["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return ["sudo", "-n"] if ask.returncode == 0 else None


def install(prefix: list[str], names: list[str]) -> str | None:
    """Installs `names`; None when all went well, else apt-get's last words."""
    command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    # Another apt-get, such as the nightly one, may hold the lock for a while.
    command += ["-o", "DPkg::Lock::Timeout=120"]
    result = subprocess.run(
        [*command, "install", "-y", "--no-install-recommends", *names],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return None if result.returncode == 0 else last_words(result.stdout)


def update(prefix: list[str]) -> str | None:
    """Brings the package lists up to date; None when all went well, else apt-get's last words."""
    result = subprocess.run(
        [*prefix, "apt-get", "-qq", "update"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return None if result.returncode == 0 else last_words(result.stdout)


def last_words(output: str) -> str:
    """The last line that is not empty: there apt-get says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
