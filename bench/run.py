# SPDX-License-Identifier: Apache-2.0
"""Times Convwright's convolutions beside PyTorch's, in both memory formats, on the CPU or a GPU.

Each result is compared with PyTorch's before it is timed. The table goes to the standard output,
progress to the standard error, and every finished row into the results file at once.

Exit status: 0 when all answers are right, 1 when one is wrong, 2 for a wrong option, 130 when
interrupted; the rows measured so far are printed then too.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# Run as a file: the checkout's root in place of this folder, and its Python package last.
if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).parents[1])
sys.path.append(str(Path(__file__).parents[1] / "torch_ops/python"))

import torch

import convwright
from bench import gpu, host_cost, machine, problems, roofline, timing
from bench.report import one_line, report
from bench.results import ResultsFile, default_path
from bench.rows import Bench, Task
from convwright import _library, _memory

DEFAULT_DIRECTIONS = ("fprop", "dgrad", "wgrad", "step")
BUSY = 0.5  # load average


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        _library.load()
        tasks = choose_tasks(options)
        where = f"{machine.cpu_slug()}-t{options.threads}"
        if options.device == "cuda":
            where = gpu.slug()
        path = options.json or (None if options.problem else default_path(where))
        torch.set_num_threads(options.threads)
        _memory.keep_freed_memory()
        results = ResultsFile(path, describe(options))
    except (convwright.LibraryMissing, problems.BadProblem, OSError) as error:
        parser.error(str(error))
    status = 0
    try:
        measure_all(tasks, options, results)
    except KeyboardInterrupt:
        status = 130
    print(report(results.content, markdown=options.md))
    if path is not None:
        progress(f"{len(results.rows)} of {len(tasks)} rows are in {path}")
    return status or int(any("error" in row for row in results.rows))


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
        f"layer's forward); default: {' '.join(DEFAULT_DIRECTIONS)}, of a --problem its own",
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


def choose_tasks(options: argparse.Namespace) -> list[Task]:
    """Suite by suite, direction by direction. Raises BadProblem."""
    caches = ["warm", "cold"] if options.both else ["cold" if options.cold else "warm"]
    if options.problem:
        if options.suite:
            raise problems.BadProblem("--suite and --problem were both given; give one of them")
        parsed = [problems.parse(text) for text in options.problem]
        return [
            Task("problem", problem, direction, cache)
            for cache in caches
            for problem, own in parsed
            for direction in options.directions or [own]
        ]
    suites = {name: problems.read_suite(name) for name in options.suite or problems.suite_names()}
    return [
        Task(suite, problem, direction, cache)
        for cache in caches
        for suite, members in suites.items()
        for direction in options.directions or DEFAULT_DIRECTIONS
        for problem in members
    ]


def describe(options: argparse.Namespace) -> dict:
    if options.device == "cuda":
        return {
            "machine": machine.describe() | gpu.describe(),
            "threads": options.threads,
            "clock": "CUDA events around replays of a graph",
            "sides": gpu.GPU_SIDES,
        }
    return {
        "machine": machine.describe(),
        "threads": options.threads,
        "clock": timing.clock_name(options.threads),
    }


def measure_all(tasks: list[Task], options: argparse.Namespace, results: ResultsFile) -> None:
    start = time.monotonic()
    bench = make_bench(tasks, options, results)
    for number, task in enumerate(tasks, 1):
        if options.budget is not None and time.monotonic() - start > options.budget:
            results.put(stopped=f"the budget of {options.budget:g} s was used up")
            return
        row = bench.measure(task)
        results.add(row)
        where = f"{task.suite} {task.direction} {task.cache}"
        progress(f"[{number}/{len(tasks)}] {where} {task.text}: {one_line(row)}")
    results.put(finished=True)


def make_bench(tasks: list[Task], options: argparse.Namespace, results: ResultsFile) -> Bench:
    """What measures the rows; what they are held against goes into the results."""
    cold = any(task.cache == "cold" for task in tasks)
    if options.device == "cuda":
        progress("measuring the host cost")
        results.put(host_cost=host_cost.measure(device="cuda"))
        flush = gpu.cache_flush() if cold else None
        return gpu.GpuBench(options.threads, options.seconds, None, flush, gpu.CudaDevice())
    if options.threads > 1 and results.content["machine"]["load"] > BUSY:
        progress("wall time needs an idle machine, but this one was busy in the last minute")
    progress("measuring the roofline and the host cost")
    limits = roofline.measure(options.threads)
    results.put(roofline=limits.to_json(), host_cost=host_cost.measure())
    flush = timing.cache_flush(machine.last_level_bytes()) if cold else None
    return Bench(options.threads, options.seconds, limits, flush)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
