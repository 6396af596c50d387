# SPDX-License-Identifier: Apache-2.0
"""What tuning gains in a training step: the network before and after, and each of its problems.

    python bench/tuned_network.py [--budget 300] [--threads 1] [--batch 128] [--no-tune]
        [--against OTHER.db] [--visits 3]

The channel-selection network of the examples. Tunes it, or with --no-tune takes what is there; then
times in turns, in this process, each problem without tuning, as tuned, as tuned in another database
(of a longer search) and by PyTorch, and at last the whole step without PyTorch. Each problem is
visited several times, minutes apart, for what else runs on the machine changes ratios, too. Rounds
in which others took a part of the core (convwright/_calm.py) do not count where enough remain. The
end says how far the problems stay behind PyTorch and the other search: by the median over the
rounds, and certainly, by the sign test. Choices change outside the timed part.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import compress
from pathlib import Path
from typing import NamedTuple

# Run as a file: the checkout's root in place of this folder, and its Python package last.
if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).parents[1])
sys.path.append(str(Path(__file__).parents[1] / "torch_ops/python"))

import numpy as np
import torch
import torch.nn.functional as F

import convwright
from convwright import _calm, _choices, _memory, _subjects, tuning
from convwright.bench import timing
from examples.nets import channel_selection

SIDES = UNTUNED, TUNED, OTHER, PYTORCH = "untuned", "tuned", "other", "PyTorch"
# Tuning keeps what is in use up to the first part behind PyTorch; a search of a quarter of the time
# is to come as near to a long one as the second.
_TIE, _NEAR = 0.02, 0.05
# Probability that a Lag leaves out what it should hold, on each side.
_TAIL = 0.025
_HEAD = "".join(f"{side:>10}" for side in SIDES) + f"{'gain':>7}{'of other':>10}{'of PyTorch':>12}"

Rounds = dict[str, list[float]]  # seconds of each side, the same rounds for all
Looked = dict[str, list[tuple[float, float]]]  # those, each with what a probe took around it


class Lag(NamedTuple):
    """By which part more time a side takes than another: the median over the rounds, and where that
    of all rounds lies that there could be, in 95 of 100 cases (the sign test's interval)."""

    part: float
    low: float
    high: float


@contextmanager
def database(path: str) -> Iterator[None]:
    """Inside the block the choices of another database count."""
    before = os.environ.get("CONVWRIGHT_DB")
    os.environ["CONVWRIGHT_DB"] = path
    _choices.reload()
    try:
        yield
    finally:
        if before is None:
            del os.environ["CONVWRIGHT_DB"]
        else:
            os.environ["CONVWRIGHT_DB"] = before
        _choices.reload()


def compare(
    run: Callable[[], object],
    problem: str | None,
    threads: int,
    seconds: float,
    probe: _calm.Probe,
    other: str | None = None,
) -> Looked:
    """Times of `run` without tuning, as tuned, as tuned in another database if there is one and, of
    a problem, with PyTorch in its place. Sides that run the same kernels share their times: noise
    between them would say nothing."""
    clock = timing.clock_for(threads)

    def timed() -> tuple[float, float]:
        run()  # plans anew
        return probe.undisturbed(partial(_memory.on_present_memory, once))

    def once() -> float:
        start = clock()
        run()
        return clock() - start

    def sample(side: str) -> tuple[float, float]:
        if side == TUNED:
            return timed()
        if side == UNTUNED:
            with _choices.untuned():
                return timed()
        if side == OTHER:
            with database(other):
                return timed()
        _choices.choose(problem, "pytorch")
        try:
            return timed()
        finally:
            _choices.choose(problem, "")

    with _choices.untuned():
        kernels = {UNTUNED: kernels_of(run)}
    kernels[TUNED] = kernels_of(run)
    if other:
        with database(other):
            kernels[OTHER] = kernels_of(run)
    if problem is not None:
        kernels[PYTORCH] = ((problem, PYTORCH),)
    probe.patience = seconds
    first = {ran: side for side, ran in reversed(kernels.items())}
    taken = timing.interleaved(list(first.values())[::-1], seconds, sample)
    return {side: taken[first[ran]] for side, ran in kernels.items()}


def calm_rounds(rounds: Looked, probe: _calm.Probe) -> tuple[Rounds, bool]:
    """Seconds of the rounds in which the core was this process's alone, and True; where these are
    too few, of all, and False."""
    calm = [
        all(probe.is_calm(look) for _, look in one) for one in zip(*rounds.values(), strict=True)
    ]
    enough = sum(calm) >= timing.MIN_ROUNDS
    kept = calm if enough else [True] * len(calm)
    return {side: [s for s, _ in compress(taken, kept)] for side, taken in rounds.items()}, enough


def lag(rounds: Rounds, side: str, other: str) -> Lag:
    """How far `side` stays behind `other`."""
    parts = sorted(a / b - 1 for a, b in zip(rounds[side], rounds[other], strict=True))
    n = len(parts)
    below, k = math.comb(n, 0) / 2**n, 0  # of so many heads or fewer among n coins
    while below <= _TAIL:
        k += 1
        below += math.comb(n, k) / 2**n
    if k == 0:
        return Lag(float(np.median(parts)), -1, math.inf)
    return Lag(float(np.median(parts)), parts[k - 1], parts[n - k])


def kernels_of(run: Callable[[], object]) -> tuple[tuple[str, ...], ...]:
    """Of everything that `run` computes: the problem, and what a kernel is by. Neither who chose it
    nor its name counts: those of one schedule are the same to the bit, built in or made here.
    """
    return tuple(
        (row.problem, PYTORCH)
        if row.kernel == PYTORCH
        else (row.problem, row.kernel.split("_")[0], row.isa, row.schedule.split(" (")[0])
        for row in convwright.explain(run).rows
    )


def answer(run: Callable[[], object]) -> str:
    """What computes a problem: its kernel or kind with the schedule, or PyTorch."""
    row = convwright.explain(run).rows[0]
    return row.kernel if row.kernel == PYTORCH else f"{row.kernel} {row.schedule}"


def behind(taken: dict[str, Rounds], side: str, most: float) -> str:
    """How far what was tuned stays behind a side: how many problems by more than `most`, certainly
    and by the median, which ones, and the one that stays farthest."""
    lags = {
        problem: lag(rounds, TUNED, side) for problem, rounds in taken.items() if side in rounds
    }
    if not lags:
        return f"behind {side}: not compared"
    farthest = max(lags, key=lambda problem: lags[problem].part)
    beyond = [
        f"{problem} {lag.part:+.1%} ({lag.low:+.0%} to {lag.high:+.0%})"
        for problem, lag in lags.items()
        if lag.part > most
    ]
    return (
        f"behind {side} by more than {most:.0%}: certainly"
        f" {sum(lag.low > most for lag in lags.values())}, by the median {len(beyond)} of"
        f" {len(lags)} problems{''.join(f', {text}' for text in beyond)};"
        f" farthest {farthest} {lags[farthest].part:+.1%}"
    )


def row(rounds: Rounds) -> str:
    """Milliseconds, how often as fast as the others, and the widest spread."""
    times = {side: timing.summary(seconds, 1) for side, seconds in rounds.items()}
    cells = "".join(f"{times[s].median * 1e3:10.3f}" if s in times else 10 * " " for s in SIDES)
    for side, width in ((UNTUNED, 7), (OTHER, 10), (PYTORCH, 12)):
        ratio = f"{1 + lag(rounds, side, TUNED).part:.2f}" if side in times else ""
        cells += f"{ratio:>{width}}"
    return f"{cells}{max(samples.spread for samples in times.values()):8.1%}"


def training_step(model: torch.nn.Module, images: torch.Tensor) -> Callable[[], object]:
    """Forward, loss, backward and the optimizer's step."""
    labels = torch.randint(10, (len(images),))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", default="300", help="of tuning, seconds or 90s, 5m, 1h")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    parser.add_argument("--batch", type=int, default=128, help="images (default: 128)")
    parser.add_argument("--seconds", type=float, default=2, help="of timing, each problem")
    parser.add_argument("--visits", type=int, default=3, help="to each problem (default: 3)")
    parser.add_argument("--against", metavar="DB", help="another database to compare with")
    parser.add_argument("--no-tune", action="store_true", help="take what was tuned before")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    _memory.keep_freed_memory()
    torch.manual_seed(0)
    model, images = channel_selection(), torch.randn(options.batch, 3, 32, 32)

    problems = tuning.problems_of(model, (images,), train=True)
    if not options.no_tune:
        print(tuning.tune_problems(problems, budget=options.budget))
        problems |= tuning.problems_of(model, (images,), train=True)  # of the kinds that won
    probe = _calm.Probe(timing.clock_for(options.threads), 0)
    print(f"milliseconds, {timing.clock_name(options.threads)}, {options.threads} threads")
    looked: dict[str, Looked] = {problem: {} for problem in problems}
    step, of_step = training_step(model, images), {}
    seconds = options.seconds / options.visits
    for _ in range(options.visits):
        for problem, rounds in looked.items():
            run = _subjects.call_of(problem)  # in other memory
            add(rounds, compare(run, problem, options.threads, seconds, probe, options.against))
        add(of_step, compare(step, None, options.threads, 10 * seconds, probe, options.against))
    counted = {problem: calm_rounds(rounds, probe) for problem, rounds in looked.items()}
    taken = {problem: rounds for problem, (rounds, _) in counted.items()}
    step_rounds, step_calm = calm_rounds(of_step, probe)
    print(f"{_HEAD}{'spread':>8}")
    by_pytorch = []
    for problem, count in problems.items():
        how = answer(_subjects.call_of(problem))
        if how == PYTORCH and ":" in problem:
            by_pytorch.append(problem)
        mark = "" if counted[problem][1] else "  (others were at work)"
        print(f"{row(taken[problem])}  {count}x {problem}  {how}{mark}", flush=True)
    print(f"{row(step_rounds)}  the training step")
    calm = sum(enough for _, enough in counted.values())
    print(
        f"by rounds without others at work on the core: {calm} of {len(taken)} problems,"
        f" the step {'too' if step_calm else 'not'}"
    )
    print(behind(taken, PYTORCH, _TIE))
    if options.against:
        print(behind(taken, OTHER, _NEAR))
    print(f"weighted sums that PyTorch computes: {', '.join(by_pytorch) or 'none'}")
    return int(bool(by_pytorch))


def add(rounds: Looked, later: Looked) -> None:
    """Adds those of another visit."""
    for side, seconds in later.items():
        rounds.setdefault(side, []).extend(seconds)


if __name__ == "__main__":
    sys.exit(main())
