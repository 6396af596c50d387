# SPDX-License-Identifier: Apache-2.0
"""The tuner's commands over a folder of jobs, with this Python for what needs PyTorch or Ray."""

import subprocess
import sys

from convwright import tuning

COMMANDS = {
    "compile": "make candidates for another machine, as jobs in a folder",
    "measure": "verify and time the candidates of a folder of jobs",
    "collect": "take the results of jobs into the tuning database",
}


def run(command: str, options: list[str]) -> int:
    """Exit status of `convwright-tune`. Raises TunerMissing where there is none."""
    words = [str(tuning.find_tuner()), command, *options]
    if command != "collect" and "--python" not in options:
        words += ["--python", sys.executable]
    return subprocess.run(words, env=tuning._environment()).returncode
