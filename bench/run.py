# SPDX-License-Identifier: Apache-2.0
"""Times Convwright's convolutions beside PyTorch's, in both memory formats, on the CPU or a GPU.

`convwright bench` for this checkout, with results files in bench/results. Each result is compared
with PyTorch's before it is timed. The table goes to the standard output, progress to the standard
error, and every finished row into the results file at once.

Exit status: 0 when all answers are right, 1 when one is wrong, 2 for a wrong option, 130 when
interrupted; the rows measured so far are printed then too.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file: the checkout's root in place of this folder, and its Python package last.
if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).parents[1])
sys.path.append(str(Path(__file__).parents[1] / "torch_ops/python"))

import torch

import convwright
from convwright import _library
from convwright.bench import problems, session, timing
from convwright.bench.report import report
from convwright.bench.results import ResultsFile, default_path

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser()
    options = parser.parse_args(arguments)
    request = make_request(options)
    try:
        _library.load()
        tasks = session.choose_tasks(request)
        path = options.json
        if path is None and not options.problem:
            path = default_path(request.where, RESULTS)
        session.prepare(request)
        results = ResultsFile(path, session.describe(request))
    except (convwright.LibraryMissing, problems.BadProblem, OSError) as error:
        parser.error(str(error))
    status = 0
    try:
        session.measure_all(tasks, request, results, progress)
    except KeyboardInterrupt:
        status = 130
    print(report(results.content, markdown=options.md))
    if path is not None:
        progress(f"{len(results.rows)} of {len(tasks)} rows are in {path}")
    return status or int(any("error" in row for row in results.rows))


def make_request(options: argparse.Namespace) -> session.Request:
    caches = ("warm", "cold") if options.both else ("cold" if options.cold else "warm",)
    return session.Request(
        problems=tuple(options.problem or ()),
        suites=tuple(options.suite or ()),
        directions=tuple(options.directions or ()),
        caches=caches,
        device=options.device,
        threads=options.threads,
        seconds=options.seconds,
        budget=options.budget,
    )


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_argument_group("what is timed")
    what.add_argument(
        "--suite",
        nargs="+",
        metavar="NAME",
        help=f"lists of problems: {', '.join(problems.suite_names())}; default: all",
    )
    what.add_argument(
        "--problem",
        nargs="+",
        metavar="STRING",
        help="such as fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc, instead of suites; both "
        "memory formats are timed whichever it names; a file is written only with --json",
    )
    what.add_argument(
        "--directions",
        nargs="+",
        choices=problems.DIRECTIONS,
        metavar="NAME",
        help="of fprop, dgrad, wgrad, step (forward and backward of the layer), inference (the "
        f"layer's forward); default: {' '.join(session.DEFAULT_DIRECTIONS)}, of a --problem its "
        "own",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--device",
        type=device,
        default="cpu",
        metavar="cpu|cuda",
        help="cpu (default), or cuda: the current GPU, by its own clock, beside cuDNN",
    )
    how.add_argument(
        "--threads",
        type=positive(int),
        default=1,
        metavar="N",
        help="1 (default): by processor time; more: by wall time, on an idle machine",
    )
    caches = how.add_mutually_exclusive_group()
    caches.add_argument("--cold", action="store_true", help="empty the caches before each call")
    caches.add_argument("--both", action="store_true", help="with warm caches, and emptied ones")
    how.add_argument(
        "--seconds",
        type=positive(float),
        default=2.0,
        metavar="S",
        help=f"of timing a row, {timing.MIN_ROUNDS} rounds at least; default: %(default)s",
    )
    how.add_argument(
        "--budget",
        type=positive(float),
        metavar="SECONDS",
        help="start no row after this; those finished are kept",
    )
    out = parser.add_argument_group("results")
    out.add_argument(
        "--json",
        type=Path,
        metavar="PATH",
        help="results file; default: bench/results/<date>-<cpu>-t<threads>.json, of a GPU "
        "<date>-<gpu>.json",
    )
    out.add_argument("--md", action="store_true", help="markdown instead of plain text")
    return parser


def device(text: str) -> str:
    if text not in ("cpu", "cuda"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither cpu nor cuda")
    if text == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError("PyTorch finds no CUDA device")
    return text


def positive(number: type) -> object:
    def parse(text: str) -> object:
        value = number(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    parse.__name__ = number.__name__  # for argparse's "invalid int value"
    return parse


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
