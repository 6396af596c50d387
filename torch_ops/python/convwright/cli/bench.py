# SPDX-License-Identifier: Apache-2.0
"""`convwright bench`: times beside PyTorch's."""

import json
import sys
from dataclasses import asdict
from enum import Enum
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convwright.cli import formats, subjects
from convwright.cli.errors import (
    FAILURE,
    INTERRUPTED,
    SUCCESS,
    CommandError,
    UsageError,
    usage_errors,
)
from convwright.cli.progress import progress
from convwright.cli.subjects import Inputs, Model

if TYPE_CHECKING:
    from convwright.bench.results import ResultsFile
    from convwright.bench.session import Request

_COLUMNS = (
    *("suite", "problem", "direction", "cache", "convwright_ms", "torch_ms", "ratio"),
    *("verdict", "gflops", "gbytes", "roofline_percent", "gproducts", "unfold_ratio"),
    *("torch_backend", "error", "repeat"),
)
_CHANGE_COLUMNS = ("problem", "direction", "cache", "before_ms", "now_ms", "ratio", "verdict")


class Device(str, Enum):
    cpu = "cpu"
    cuda = "cuda"


class Direction(str, Enum):
    fprop = "fprop"
    dgrad = "dgrad"
    wgrad = "wgrad"
    step = "step"
    inference = "inference"


class FailOn(str, Enum):
    slow = "slow"


def _suite_names() -> list[str]:
    """For help and completion, which have no time for PyTorch."""
    suites = resources.files("convwright.bench") / "suites"
    return sorted(f.name.removesuffix(".txt") for f in suites.iterdir())


def add_to(app: typer.Typer) -> None:
    app.command("bench")(_bench)


def _bench(
    problem: Annotated[
        list[str] | None, typer.Argument(metavar="PROBLEM", help=subjects.PROBLEM_HELP)
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=_suite_names,
            help=f"Layers of {', '.join(_suite_names())}; may be repeated.",
        ),
    ] = None,
    model: Model = None,
    input: Inputs = None,
    direction: Annotated[
        list[Direction] | None,
        typer.Option(help="May be repeated; step is a layer's forward and backward."),
    ] = None,
    device: Annotated[Device, typer.Option(help="cuda is the current GPU.")] = Device.cpu,
    threads: Annotated[
        int, typer.Option(min=1, help="1: processor time; more: wall time, on an idle machine.")
    ] = 1,
    cold: Annotated[bool, typer.Option("--cold", help="Empty the caches before calls.")] = False,
    both: Annotated[
        bool, typer.Option("--both", help="With warm caches, and emptied ones.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Of timing a row.")] = 2.0,
    budget: Annotated[
        str | None, typer.Option(help="Start no row after this: 90s, 5m, 1h.")
    ] = None,
    untuned: Annotated[
        bool, typer.Option("--untuned", help="Convwright without what was tuned, too.")
    ] = False,
    compile: Annotated[bool, typer.Option("--compile", help="torch.compile, too.")] = False,
    autoscheduler: Annotated[
        bool, typer.Option("--autoscheduler", help="Halide's Adams2019, too; needs halide.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Results file; every row is kept at once.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Earlier results of this machine.")
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit status 1 for a row slower than --against.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results file.")] = False,
    as_csv: formats.AsCsv = False,
    as_markdown: formats.AsMarkdown = False,
) -> int:
    """Time convolutions beside PyTorch's, in both memory formats.

    Every answer is compared with PyTorch's, of an approximate layer with the scalar model, before
    it is timed. The sides take turns; FAST and SLOW are said where their intervals are apart.
    Without problem, suite and model it is every suite.
    Exit status 1 when an answer is wrong. Examples:

    convwright bench fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc --direction wgrad

    convwright bench fprop_n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc_mbm --direction step

    convwright bench --suite resnet50 --budget 5m --out before.json

    convwright bench --suite resnet50 --against before.json --fail-on slow
    """
    how = formats.chosen(as_json, as_csv, as_markdown)
    if ((problem or model) and suite) or (problem and model):
        raise UsageError("problems, --suite and --model name what is timed; give one of them")
    if cold and both:
        raise UsageError("one of --cold and --both can be given, not both")
    if not seconds > 0:
        raise UsageError(f"--seconds is {seconds:g}; it must be above 0")
    if fail_on is not None and against is None:
        raise UsageError("--fail-on needs --against, the results to compare with")
    asked = {"untuned": untuned, "compile": compile, "autoscheduler": autoscheduler}
    extras = tuple(name for name, wanted in asked.items() if wanted)
    if device is Device.cuda and extras:
        raise UsageError(f"--{extras[0]} is for --device cpu")
    _need("numpy", "convwright[bench]")
    if autoscheduler:
        _need("halide", "convwright[tune]")
    from convwright import _library, tuning
    from convwright.bench import problems
    from convwright.bench.session import Request, choose_tasks

    with usage_errors(ValueError):
        limit = tuning.parse_budget(budget) if budget is not None else None
    _library.load()
    _check_device(device)
    baseline = _read(against) if against is not None else None
    request = Request(
        problems=_layers_of(model, input) if model is not None else tuple(problem or ()),
        suites=tuple(suite or ()),
        directions=tuple(d.value for d in direction or ()),
        caches=("warm", "cold") if both else ("cold" if cold else "warm",),
        device=device.value,
        threads=threads,
        seconds=seconds,
        budget=limit,
        extras=extras,
        name="problem" if model is None else "model",
    )
    with usage_errors(problems.BadProblem):
        tasks = choose_tasks(request)
    return _run(request, tasks, out, baseline, how, fail_on)


def _run(
    request: "Request",
    tasks: list[Any],
    out: Path | None,
    baseline: dict[str, Any] | None,
    how: str,
    fail_on: FailOn | None,
) -> int:
    from convwright.bench import against, session
    from convwright.bench.results import ResultsFile

    session.prepare(request)
    about = session.describe(request)
    if baseline is not None:
        with usage_errors(against.NotComparable):
            against.check_comparable(baseline, about)
    try:
        results = ResultsFile(out, about)
    except OSError as error:
        raise CommandError(f"results cannot be written to {out}: {error.strerror}") from error
    interrupted = False
    with progress() as show:
        try:
            session.measure_all(tasks, request, results, show)
        except KeyboardInterrupt:
            interrupted = True
    _print(results.content, how)
    if out is not None:
        print(f"{len(results.rows)} of {len(tasks)} rows are in {out}", file=sys.stderr)
    slower = _compare(baseline, results, how) if baseline is not None else False
    if interrupted:
        return INTERRUPTED
    wrong = any("error" in row for row in results.rows)
    return FAILURE if wrong or (slower and fail_on is not None) else SUCCESS


def _print(content: dict[str, Any], how: str) -> None:
    from convwright.bench.report import report

    if how == "json":
        print(json.dumps(content, indent=1))
    elif how == "csv":
        formats.show([_flat(row) for row in content["rows"]], _COLUMNS, how)
    else:
        print(report(content, markdown=how == "md"))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    if "error" in row:
        return row
    from convwright.bench.report import torch_backend
    from convwright.bench.results import OUR_BEST

    best = row["torch_best"]
    return row | {
        "convwright_ms": row["seconds"][OUR_BEST]["median"] * 1e3,
        "torch_ms": row["seconds"][best]["median"] * 1e3,
        "torch_backend": torch_backend(row),
    }


def _compare(baseline: dict[str, Any], results: "ResultsFile", how: str) -> bool:
    """Print what changed; whether a row became slower. Beside JSON and CSV as a message."""
    from convwright.bench.against import changes

    found = changes(baseline, results.content)
    rows = [
        asdict(c) | {"before_ms": c.before * 1e3, "now_ms": c.now * 1e3, "ratio": c.ratio}
        for c in found
    ]
    if how in ("text", "md"):
        print()
        formats.show(rows, _CHANGE_COLUMNS, how)
    slow = [c.problem for c in found if c.verdict == "SLOW"]
    missing = len(results.rows) - len(found)
    print(
        f"against the baseline: {len(slow)} of {len(found)} rows slower, {missing} without one",
        file=sys.stderr,
    )
    return bool(slow)


def _layers_of(model: str, inputs: list[str] | None) -> tuple[str, ...]:
    """The convolutions of a model's forward, each once."""
    import convwright
    from convwright import check, tuning

    network, tensors = subjects.model_and_inputs(model, inputs)
    convwright.convert_(network)
    with subjects.model_runs():
        found = tuning.problems_of(network, tensors)
    # Of approximate layers it says which product their operands ask for, not the multiplier.
    exact = (text for text in found if not check.split(text)[1])
    layers = tuple(text for text in exact if text.startswith("fprop_"))
    if not layers:
        raise UsageError(f"--model {model} has no convolution that Convwright computes")
    return layers


def _read(path: Path) -> dict[str, Any]:
    from convwright.bench import results

    with usage_errors(results.BadResults):
        return results.read(path)


def _check_device(device: Device) -> None:
    import torch

    if device is Device.cuda and not torch.cuda.is_available():
        raise UsageError("--device is cuda, but PyTorch finds no CUDA device; cpu is accepted")


def _need(package: str, extra: str) -> None:
    if find_spec(package) is None:
        raise CommandError(f"bench needs {package}, which is not installed: install {extra}")
