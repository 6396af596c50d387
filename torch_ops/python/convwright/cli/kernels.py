# SPDX-License-Identifier: Apache-2.0
"""`convwright kernels`: the kernels of the library."""

from typing import Annotated

import typer

from convwright.cli import formats
from convwright.cli.errors import usage_errors

_COLUMNS = ("device", "operator", "kernel", "schedule", "target", "format", "dtype", "problem")
_ACCEPTING = ("kernel", "schedule", "target")


def add_to(app: typer.Typer) -> None:
    app.command("kernels")(_kernels)


def _kernels(
    problem: Annotated[
        str | None, typer.Option(help="Only those that accept this problem here, best first.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Only those for cpu, or cuda; with --problem cpu without.")
    ] = None,
    as_json: formats.AsJson = False,
    as_csv: formats.AsCsv = False,
    as_markdown: formats.AsMarkdown = False,
) -> int:
    """List the kernels of the library.

    Examples:

    convwright kernels --device cpu --csv

    convwright kernels --problem fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc
    """
    how = formats.chosen(as_json, as_csv, as_markdown)
    from convwright import check

    if problem is not None:
        with usage_errors(RuntimeError, ValueError):
            check.parse(problem)
            found = check.kernels(problem, device or "cpu")
        formats.show([dict(zip(_ACCEPTING, k, strict=True)) for k in found], _ACCEPTING, how)
        return 0
    with usage_errors(ValueError):
        rows = check.library_kernels(device)
    formats.show(rows, _COLUMNS, how)
    return 0
