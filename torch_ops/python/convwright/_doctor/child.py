# SPDX-License-Identifier: Apache-2.0
"""The part of the examination that may crash or hang: in a process of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

from convwright._child_environment import child_environment
from convwright._doctor.diagnosis import BAD, Finding

# PyTorch's import takes seconds from a cold disk; what takes longer hangs.
_LONGEST = 120.0  # seconds


def probe() -> Iterator[Finding]:
    """What the probe found, and how it ended where that was not well."""
    command = [sys.executable, "-m", "convwright._doctor.probe"]
    try:
        done = subprocess.run(
            command,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST,
            check=False,
        )
        output, complaint, end = done.stdout, done.stderr, _end(done.returncode)
    except subprocess.TimeoutExpired as error:
        output, complaint = error.stdout or b"", error.stderr or b""
        end = f"did not end in {_LONGEST:.0f} s"
    except OSError as error:
        output, complaint, end = b"", b"", f"could not start ({error})"
    found = list(_findings(output.decode(errors="replace")))
    yield from found
    if end:
        after = f" after {found[-1].about} {found[-1].item}" if found else ""
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        yield Finding("probe", "process", f"{end}{after}{''.join(f': {t}' for t in last)}", BAD)


def _findings(text: str) -> Iterator[Finding]:
    """A line each; others print too, when they are imported."""
    for line in text.splitlines():
        try:
            yield Finding(**json.loads(line))
        except (ValueError, TypeError):
            continue


def _end(status: int) -> str:
    """ "" for success."""
    if status >= 0:
        return f"ended with exit status {status}" if status else ""
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
