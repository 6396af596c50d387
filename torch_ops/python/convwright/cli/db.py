# SPDX-License-Identifier: Apache-2.0
"""`convwright db`: what `convwright-tune db` does with the tuning database."""

import subprocess

import typer

from convwright._tuner_program import find_tuner


def add_to(app: typer.Typer) -> None:
    # Its options, --help too, are those of the program.
    passed = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command("db", add_help_option=False, context_settings=passed)(_db)


def _db(context: typer.Context) -> int:
    """Look at the tuning database and keep it in order: list, verify, export, merge, …

    The commands are those of convwright-tune: `convwright db --help` lists them. Examples:

    convwright db list

    convwright db export records.jsonl
    """
    return subprocess.run([str(find_tuner()), "db", *context.args], check=False).returncode
