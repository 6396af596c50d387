# SPDX-License-Identifier: Apache-2.0
"""How a table is printed: for people, as JSON, CSV or markdown."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from convwright._text_table import text_table
from convwright.cli.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON list of objects.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]
AsMarkdown = Annotated[bool, typer.Option("--md", help="Print a markdown table.")]

Row = Mapping[str, Any]


def chosen(as_json: bool, as_csv: bool, as_markdown: bool) -> str:
    """ "text", "json", "csv" or "md". Raises UsageError for more than one."""
    given = [
        name for name, wanted in (("json", as_json), ("csv", as_csv), ("md", as_markdown)) if wanted
    ]
    if len(given) > 1:
        raise UsageError("one of --json, --csv and --md can be given, not more")
    return given[0] if given else "text"


def show(rows: Sequence[Row], columns: Sequence[str], how: str) -> None:
    """Print the rows to the standard output; each has a value, or none, for every column."""
    if how == "json":
        print(json.dumps([dict(row) for row in rows], indent=1))
    elif how == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([columns, *([_plain(row.get(c)) for c in columns] for row in rows)])
    else:
        cells = [[_cell(row.get(c)) for c in columns] for row in rows]
        text = {i for i, c in enumerate(columns) if not _is_number(rows, c)}
        if how == "text" and sys.stdout.isatty():
            _show_on_terminal(cells, columns, text)
        else:
            print(text_table(columns, cells, text, markdown=how == "md"))


def _show_on_terminal(cells: list[list[str]], columns: Sequence[str], text: set[int]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index in text else "right", overflow="fold")
    for row in cells:
        table.add_row(*row)
    Console(markup=False, highlight=False, emoji=False).print(table)


def _is_number(rows: Sequence[Row], column: str) -> bool:
    values = [row[column] for row in rows if row.get(column) is not None]
    return bool(values) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )


def _plain(value: Any) -> Any:
    """For CSV: numbers in full, nothing as nothing."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(_plain(value))
