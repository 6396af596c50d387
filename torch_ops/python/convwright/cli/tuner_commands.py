# SPDX-License-Identifier: Apache-2.0
"""Commands of `convwright-tune` by this name, with this Python for what needs it."""

import subprocess
import sys

import typer

from convwright import _library
from convwright._child_environment import child_environment
from convwright._tuner_program import find_tuner

_HELP = {
    "db": "Look at the tuning database and keep it in order: list, show, verify, export, merge, …",
    "export": "Write what was chosen as a table that a later build has in its library.",
    "compile": "Make candidates for another machine, as jobs in a folder.",
    "measure": "Verify and time the candidates of a folder of jobs.",
    "collect": "Take the results of jobs into the tuning database.",
}
_EXAMPLES = {
    "db": "convwright db export records.jsonl",
    "export": "convwright export schedules/tuned/mine.txt",
    "compile": "convwright compile --problems FILE --target cuda:sm_90 --jobs DIR",
    "measure": "convwright measure --jobs DIR",
    "collect": "convwright collect --jobs DIR",
}
# Unless another Python is named: for workers on Ray, and for comparisons through the operators.
_WITH_PYTHON = ("compile", "measure")


def add_to(app: typer.Typer) -> None:
    # Their options, --help too, are those of the program.
    passed = {"allow_extra_args": True, "ignore_unknown_options": True}
    for name, summary in _HELP.items():
        text = f"{summary}\n\n`convwright {name} --help` says more. Example:\n\n{_EXAMPLES[name]}"
        app.command(name, help=text, add_help_option=False, context_settings=passed)(_run)


def _run(context: typer.Context) -> int:
    name = str(context.info_name)
    command = [str(find_tuner()), name, *context.args]
    named = any(given.partition("=")[0] == "--python" for given in context.args)
    if name in _WITH_PYTHON and not named:
        command += ["--python", sys.executable]
        if name == "measure":
            import torch  # here: `convwright doctor` tells of a PyTorch that cannot be imported

            command += ["--torch", torch.__version__]
    environment = child_environment(CONVWRIGHT_LIBRARY=str(_library.find()))
    return subprocess.run(command, env=environment, check=False).returncode
