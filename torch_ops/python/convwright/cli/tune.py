# SPDX-License-Identifier: Apache-2.0
"""`convwright tune`: search the fastest kernels of a model or of problems."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from convwright.cli import formats, subjects
from convwright.cli.errors import INTERRUPTED, UsageError, usage_errors
from convwright.cli.progress import progress
from convwright.cli.subjects import Device, Inputs, Model, Threads

_COLUMNS = (
    *("problem", "phase", "candidate", "seconds"),
    *("default_seconds", "pytorch_seconds", "reason"),
)


def add_to(app: typer.Typer) -> None:
    app.command("tune")(_tune)


def _tune(
    model: Model = None,
    problem: Annotated[
        list[str] | None, typer.Option(help=subjects.PROBLEM_HELP + " May be repeated.")
    ] = None,
    problems: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A problem and its count a line.")
    ] = None,
    input: Inputs = None,
    device: Device = "cpu",
    train: Annotated[bool, typer.Option("--train", help="Backward too.")] = False,
    budget: Annotated[str, typer.Option(help="Time in all: 90s, 5m, 1h.")] = "5m",
    threads: Threads = None,
    seed: Annotated[int, typer.Option(help="Of the search.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List candidates and what is rejected; measure none.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why what was chosen won; measure none.")
    ] = False,
    as_json: formats.AsJson = False,
    as_csv: formats.AsCsv = False,
    as_markdown: formats.AsMarkdown = False,
) -> int:
    """Search the fastest kernels of a model or of problems on this CPU or a GPU.

    What is measured is kept; interrupted, the same command goes on where it was. Examples:

    convwright tune --model examples.nets:channel_selection --input 128x3x32x32 --train --budget 5m

    convwright tune --model examples.nets:channel_selection --input 128x3x32x32 --device cuda
    """
    how = formats.chosen(as_json, as_csv, as_markdown)
    if sum(given is not None for given in (model, problem or None, problems)) != 1:
        raise UsageError("one of --model, --problem and --problems is required")
    if dry_run and explain:
        raise UsageError("one of --dry-run and --explain can be given, not both")
    from convwright import tuning

    with usage_errors(ValueError):
        tuning.parse_budget(budget)
    subjects.set_threads(threads)
    counted = _problems(model, input, device, problem, problems, train)
    if dry_run or explain:
        look = tuning.candidates if dry_run else tuning.explanations
        with usage_errors(ValueError):
            print(look(counted, device))
        return 0
    try:
        with progress() as show, usage_errors(ValueError):
            found = tuning.tune_problems(
                counted,
                device=device,
                budget=budget,
                seed=seed,
                progress=lambda event: _tell(event, show),
            )
    except KeyboardInterrupt:
        print("The same command goes on where it was.", file=sys.stderr)
        return INTERRUPTED
    if how == "text":
        print(found)
        return 0
    for notice in found.notices:
        print(notice, file=sys.stderr)
    left = [{"problem": text, "reason": why} for text, why in found.left.items()]
    formats.show([*map(asdict, found.choices), *left], _COLUMNS, how)
    return 0


def _problems(
    model: str | None,
    inputs: list[str] | None,
    device: str,
    texts: list[str] | None,
    file: Path | None,
    train: bool,
) -> Counter[str]:
    from convwright import _subjects, tuning

    if model is not None:
        network, tensors = subjects.model_and_inputs(model, inputs, device)
        with subjects.model_runs():
            counted, left_out = tuning.record(network, tensors, train)
        for sentence in left_out:
            print(sentence, file=sys.stderr)
    else:
        counted = Counter(texts) if texts else subjects.problems_in(file)
    if not counted:
        raise UsageError("there is no convolution to tune")
    with usage_errors(RuntimeError, ValueError):
        for text in counted:
            _subjects.parse(text)
    return counted


def _tell(event: dict[str, Any], show: Callable[[str], None]) -> None:
    if event["event"] not in ("task", "result"):
        return
    line = f"[{event['number'] + 1}/{event['count']}] {event['problem']}"
    if event["event"] == "result":
        failed = ", ".join(f"{count} {name}" for name, count in event["failed"].items())
        line += f"  {event['tried']} tried, best {event['best_seconds'] * 1e3:.3f} ms"
        line += f" ({failed})" if failed else ""
    show(f"{line}  {event['left_seconds']:.0f} s left")
