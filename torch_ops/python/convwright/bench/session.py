# SPDX-License-Identifier: Apache-2.0
"""A run: what is asked, the rows that follow from it, and measuring them one by one."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from convwright import _machine, _memory
from convwright._gpu_timing import CudaDevice
from convwright.bench import gpu, host_cost, machine, problems, roofline, timing
from convwright.bench.approx_rows import ApproxBench, GpuApproxBench
from convwright.bench.problems import BadProblem, Problem
from convwright.bench.report import one_line
from convwright.bench.results import ResultsFile
from convwright.bench.rows import Bench, Task

DEFAULT_DIRECTIONS = ("fprop", "dgrad", "wgrad", "step")
BUSY = 0.5  # load average

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is to be timed, and how. Without problems and suites it is every suite."""

    problems: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()  # none: of a problem its own, of a suite the default ones
    caches: tuple[str, ...] = ("warm",)
    device: str = "cpu"
    threads: int = 1
    seconds: float = 2.0  # of timing a row
    budget: float | None = None  # seconds after which no row starts
    extras: tuple[str, ...] = ()  # as of rows.Bench
    name: str = "problem"  # what stands for a suite beside problems

    @property
    def where(self) -> str:
        """Of a results file's name."""
        return gpu.slug() if self.device == "cuda" else f"{_machine.cpu_slug()}-t{self.threads}"


def choose_tasks(request: Request) -> list[Task]:
    """Suite by suite, direction by direction. Raises BadProblem."""
    if request.problems:
        if request.suites:
            raise BadProblem("suites and problems were both given; give one of them")
        parsed = [problems.parse(text) for text in request.problems]
        tasks = [
            Task(request.name, problem, _accepted(direction, problem), cache)
            for cache in request.caches
            for problem, own in parsed
            for direction in request.directions or [own]
        ]
    else:
        suites = {n: problems.read_suite(n) for n in request.suites or problems.suite_names()}
        tasks = [
            Task(suite, problem, direction, cache)
            for cache in request.caches
            for suite, members in suites.items()
            for direction in request.directions or DEFAULT_DIRECTIONS
            for problem in members
            if direction in problem.directions
        ]
    return tasks


def _accepted(direction: str, problem: Problem) -> str:
    if direction not in problem.directions:
        raise BadProblem(
            f"{problem.text} has no {direction}: gradients of integer formats are exact; accepted "
            f"are {', '.join(problem.directions)}"
        )
    return direction


def prepare(request: Request) -> None:
    """Set PyTorch up. Whoever times calls this first."""
    torch.set_num_threads(request.threads)
    _memory.keep_freed_memory()


def describe(request: Request) -> dict:
    """For a results file."""
    about = {"machine": machine.describe(), "threads": request.threads}
    if request.device == "cuda":
        about["machine"] |= gpu.describe()
        return about | {"clock": "CUDA events around replays of a graph"}
    return about | {"clock": timing.clock_name(request.threads)}


def measure_all(tasks: Iterable[Task], request: Request, results: ResultsFile, say: Say) -> None:
    """Every row goes into the results when it is measured; KeyboardInterrupt leaves them there."""
    tasks = list(tasks)
    start = time.monotonic()
    bench = _make_bench(tasks, request, results, say)
    approximate = (ApproxBench if request.device == "cpu" else GpuApproxBench).like(bench)
    for number, task in enumerate(tasks, 1):
        if request.budget is not None and time.monotonic() - start > request.budget:
            results.put(stopped=f"the budget of {request.budget:g} s was used up")
            return
        row = (bench if task.problem.product is None else approximate).measure(task)
        results.add(row)
        where = f"{task.suite} {task.direction} {task.cache}"
        say(f"[{number}/{len(tasks)}] {where} {task.text}: {one_line(row)}")
    results.put(finished=True)


def _make_bench(tasks: list[Task], request: Request, results: ResultsFile, say: Say) -> Bench:
    """What measures the rows; what they are held against goes into the results."""
    cold = any(task.cache == "cold" for task in tasks)
    if request.device == "cuda":
        say("measuring the host cost")
        results.put(host_cost=host_cost.measure(device="cuda"))
        flush = gpu.cache_flush() if cold else None
        return gpu.GpuBench(request.threads, request.seconds, None, flush, CudaDevice())
    if request.threads > 1 and results.content["machine"]["load"] > BUSY:
        say("wall time needs an idle machine, but this one was busy in the last minute")
    say("measuring the roofline and the host cost")
    limits = roofline.measure(request.threads)
    results.put(roofline=limits.to_json(), host_cost=host_cost.measure())
    flush = timing.cache_flush(_machine.last_level_bytes()) if cold else None
    return Bench(request.threads, request.seconds, limits, flush, extras=request.extras)
