# SPDX-License-Identifier: Apache-2.0
"""`convwright check`: compare kernels of one problem with PyTorch."""

from dataclasses import asdict
from typing import Annotated

import typer

from convwright.cli import formats, subjects
from convwright.cli.errors import FAILURE, SUCCESS, usage_errors
from convwright.cli.progress import progress

_COLUMNS = ("kernel", "schedule", "isa", "verdict")


def add_to(app: typer.Typer) -> None:
    app.command("check")(_check)


def _check(
    problem: Annotated[str, typer.Argument(help=subjects.PROBLEM_HELP)],
    kernel: Annotated[
        str | None, typer.Option(help="Only this kernel; all that accept the problem without.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the values.")] = 0,
    device: subjects.Device = "cpu",
    as_json: formats.AsJson = False,
    as_csv: formats.AsCsv = False,
    as_markdown: formats.AsMarkdown = False,
) -> int:
    """Compare the kernels of one problem with PyTorch, tolerance 0.

    Exit status 1 when a value is wrong. Example:

    convwright check fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc
    """
    how = formats.chosen(as_json, as_csv, as_markdown)
    from convwright import check

    rows = []
    with progress() as show, usage_errors(RuntimeError, ValueError):
        show(problem)
        for result in check.check(problem, kernel, seed, device):
            verdict = f"FAIL: {result.failure}" if result.failure else "ok"
            rows.append(asdict(result) | {"verdict": verdict})
            show(f"{result.kernel} {verdict}")
    formats.show(rows, _COLUMNS, how)
    return FAILURE if any(row["failure"] for row in rows) else SUCCESS
