# SPDX-License-Identifier: Apache-2.0
"""One row of results: verified, timed, held against PyTorch and the roofline."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from convwright import _choices, _subjects
from convwright.bench import sides, timing
from convwright.bench.problems import Problem
from convwright.bench.report import repeat_line
from convwright.bench.results import FORMAT_NAMES, OUR_BEST, OURS, TORCHS
from convwright.bench.roofline import Roofline


@dataclass(frozen=True)
class Task:
    """What a row is about. `cache`: "warm", or "cold" with the caches emptied before each call."""

    suite: str
    problem: Problem
    direction: str
    cache: str

    @property
    def text(self) -> str:
        return self.problem.text_for(self.direction)


@dataclass(frozen=True)
class Bench:
    """What all rows have in common."""

    threads: int  # what PyTorch is set to
    seconds: float  # of timing a row
    roofline: Roofline | None
    flush: Callable[[], None] | None  # where some row is cold
    extras: tuple[str, ...] = field(default=(), kw_only=True)  # untuned, compile, autoscheduler

    @property
    def repeat_options(self) -> str:
        """Of the command that measures one row again."""
        extras = "".join(f" --{extra}" for extra in self.extras)
        return f"--threads {self.threads}{extras}"

    def measure(self, task: Task) -> dict:
        """The row, as it stands in the results file. A wrong answer gives one without times."""
        row = {
            "suite": task.suite,
            "problem": task.text,
            "direction": task.direction,
            "cache": task.cache,
            "repeat": repeat_line(task.text, task.direction, task.cache, self.repeat_options),
        }
        operands = self._operands(task.problem)
        with sides.mode(task.direction):
            runs = self._sides(task.problem, task.direction, operands)
            left_out = self._add_extras(runs, task, operands)
            try:
                self._check(task.problem, task.direction, operands, runs)
            except sides.WrongAnswer as error:
                return row | {"error": str(error)}
            ours = [f"{OURS}_{name}" for name in FORMAT_NAMES]
            traces = {name: sides.traced(runs[name]) for name in ours}
            taken, notes = self._time(runs, task.cache == "cold")
        found = {
            "kernels": {name: [r.kernel for r in rows] for name, rows in traces.items()},
            "tuned": any(_subjects.was_chosen(r) for r in traces[OUR_BEST]),
            "torch_backends": sides.torch_backends(task.problem, operands),
        }
        return row | found | self._judge(task, taken, [*left_out, *notes])

    def _add_extras(
        self, runs: dict[str, sides.Run], task: Task, operands: sides.Operands
    ) -> list[str]:
        """Adds the further sides; what could not be made is a note."""
        notes = []
        if "untuned" in self.extras:
            runs[sides.UNTUNED] = sides.untuned_side(task.problem, task.direction, operands)
        if "compile" in self.extras:
            try:
                compiled = sides.compiled_side(task.problem, task.direction, operands)
                runs[sides.COMPILED] = compiled
            except RuntimeError as error:
                notes.append(f"{sides.COMPILED} could not be compiled: {error}")
        if "autoscheduler" in self.extras:
            try:
                runs[sides.AUTOSCHEDULED] = sides.autoscheduled_side(
                    task.problem, task.direction, operands, self.threads
                )
            except RuntimeError as error:
                notes.append(f"{sides.AUTOSCHEDULED} could not be made: {error}")
        return notes

    def _operands(self, problem: Problem) -> sides.Operands:
        return sides.draw(problem)

    def _sides(
        self, problem: Problem, direction: str, operands: sides.Operands
    ) -> dict[str, sides.Run]:
        return sides.make_sides(problem, direction, operands)

    def _torch_sides(
        self, problem: Problem, direction: str, operands: sides.Operands
    ) -> dict[str, sides.Run]:
        """PyTorch's alone."""
        return sides.make_sides(problem, direction, operands, {TORCHS: TORCHS})

    def _check(
        self,
        problem: Problem,
        direction: str,
        operands: sides.Operands,
        runs: dict[str, sides.Run],
    ) -> None:
        sides.check(problem, direction, operands, runs)

    def _time(self, runs: dict[str, sides.Run], cold: bool) -> tuple[timing.Timing, list[str]]:
        """The times, and what makes them doubtful."""
        flush = self.flush if cold else None
        if sides.UNTUNED not in runs:
            return timing.measure(runs, self.threads, self.seconds, flush), []
        bare = runs | {sides.UNTUNED: runs[sides.UNTUNED].run}

        def switch(name: str) -> None:
            _choices.use(name != sides.UNTUNED)
            bare[name]()  # plans anew

        try:
            return timing.measure(bare, self.threads, self.seconds, flush, switch=switch), []
        finally:
            _choices.use(True)

    def _judge(self, task: Task, taken: timing.Timing, notes: list[str]) -> dict:
        ours = taken.sides[OUR_BEST]
        torch_best = min(
            (f"{TORCHS}_{name}" for name in FORMAT_NAMES), key=lambda side: taken.sides[side].median
        )
        theirs = taken.sides[torch_best]
        work = task.problem.work(task.direction)
        limit = {}
        if self.roofline is not None:
            least = self.roofline.seconds(work, task.cache == "cold")
            limit = {"roofline_percent": 100 * least / ours.median}
        return {
            "seconds": {side: asdict(samples) for side, samples in taken.sides.items()},
            "torch_best": torch_best,
            "ratio": theirs.median / ours.median,
            "verdict": timing.verdict(ours, theirs),
            "gflops": sum(w.flops for w in work) / ours.median / 1e9,
            "gbytes": sum(w.bytes for w in work) / ours.median / 1e9,
            **limit,
            "notes": [*notes, *_notes(taken, compared=(OUR_BEST, torch_best))],
        }


def _notes(taken: timing.Timing, compared: tuple[str, str]) -> list[str]:
    """What makes the row doubtful."""
    notes = [
        f"{side} spreads ±{taken.sides[side].spread:.0%}: was the machine idle?"
        for side in compared
        if taken.sides[side].spread > timing.WIDE_SPREAD
    ]
    for side, share in taken.hidden.items():
        notes.append(f"other threads used {share:.0%} beside {side}, which its time leaves out")
    return notes
