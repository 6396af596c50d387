# SPDX-License-Identifier: Apache-2.0
"""`convwright doctor`: what is here, and whether Convwright can work with it."""

import typer

from convwright.cli import formats

_COLUMNS = ("about", "item", "state", "value")


def add_to(app: typer.Typer) -> None:
    app.command("doctor")(_doctor)


def _doctor(
    as_json: formats.AsJson = False,
    as_csv: formats.AsCsv = False,
    as_markdown: formats.AsMarkdown = False,
) -> int:
    """Say what this machine and installation have, and whether Convwright works with it.

    Exit status 1 when its operators cannot run. Examples:

    convwright doctor

    convwright doctor --json
    """
    how = formats.chosen(as_json, as_csv, as_markdown)
    from convwright._doctor import examine

    diagnosis = examine()
    if how == "text":
        print(diagnosis)
    else:
        formats.show(diagnosis.rows(), _COLUMNS, how)
    return diagnosis.status
