# SPDX-License-Identifier: Apache-2.0
"""`convwright report`: results and tuning records as one HTML file."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from convwright.cli.errors import SUCCESS, CommandError, UsageError, usage_errors
from convwright.cli.progress import progress

_NEEDED = ("numpy", "matplotlib", "jinja2")


def add_to(app: typer.Typer) -> None:
    app.command("report")(_report)


def _report(
    results: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Results files of `convwright bench --out`."),
    ] = None,
    tuning: Annotated[
        bool, typer.Option("--tuning", help="The tuning database of this user, too.")
    ] = False,
    db: Annotated[
        Path | None, typer.Option(metavar="FILE", help="This tuning database, too.")
    ] = None,
    recording: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Of `convwright-tune record`; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page.")] = Path("report.html"),
    png: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The plots as PNG files, too.")
    ] = None,
) -> int:
    """Write one HTML file with tables and plots of results and of tuning.

    It needs no network and nothing beside it. Its path is printed. Examples:

    convwright report results.json --out report.html

    convwright report bench/results/*.json --tuning --png plots
    """
    if not (results or tuning or db is not None or recording):
        raise UsageError(
            "there is nothing to report; give results files, --tuning, --db or --recording"
        )
    if db is not None and not db.is_file():
        raise UsageError(f"--db is {db}, which is not a file; give a tuning database")
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise CommandError(
            f"report needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed: install convwright[report]"
        )
    from convwright.bench.results import BadResults
    from convwright.report import page, sources

    with progress() as show:
        show("reading")
        lines = sources.exported_records(db) if tuning or db is not None else []
        with usage_errors(BadResults):
            found = sources.read(results or [], lines, recording or [])
        show("drawing")
        plots = page.plots_of(found)
        text = page.render(found, plots)
    try:
        out.write_text(text)
        if png is not None:
            png.mkdir(parents=True, exist_ok=True)
            for plot in (p for section in plots.values() for p in section):
                (png / f"{plot.name}.png").write_bytes(plot.png)
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be written: {error.strerror}") from error
    if png is not None:
        print(f"the plots are in {png}", file=sys.stderr)
    print(out)
    return SUCCESS
