# SPDX-License-Identifier: Apache-2.0
"""Search for the fastest kernels of a model's convolutions on this machine's CPU or a GPU.

The search is the program `convwright-tune`; what it chooses is kept in a database of this user,
and `convwright.nn` layers use it from the next call on. A search that was interrupted goes on where
it was.
"""

import json
import re
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from convwright import _choices, _compare_server, _library, _subjects, check
from convwright._explain import explain
from convwright._trace import Row
from convwright._tuner_program import TunerMissing, find_tuner
from convwright._undisturbed import gpus_of

_USAGE = 2  # exit status of convwright-tune
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_WITHOUT_TF32 = (
    "Problems in float32 were compared without TF32, which PyTorch allows here: where a kernel "
    "that rounds to it is expected to be faster, that one runs in the place of what was chosen; "
    "set torch.backends.cudnn.allow_tf32 = False to run what was chosen."
)
_KINDS_WITHOUT_TF32 = (
    "Ways to compute two convolutions in a row were compared without TF32, which PyTorch allows "
    "here and convolutions in them may round to; set torch.backends.cudnn.allow_tf32 = False for "
    "what was compared."
)
_AT_ITS_BEST = (
    "PyTorch was compared with torch.backends.cudnn.benchmark, which is off here: set it to True, "
    "for PyTorch was chosen."
)


@dataclass(frozen=True)
class Tuned:
    """What was chosen for one pass of a problem; times in seconds, None where not measured."""

    problem: str
    phase: int  # pass of the problem: strided dgrad has several, and -1 is all of them together
    candidate: str  # "conv2d.avx512/lane:0,…", "pytorch", "unfused", …
    seconds: float
    default_seconds: float | None
    pytorch_seconds: float | None
    reason: str


@dataclass(frozen=True)
class Report:
    """What one call of `tune` chose, and what else it said."""

    choices: tuple[Tuned, ...]
    left: dict[str, str]  # problems with a pass that has no choice, and why
    notices: tuple[str, ...] = ()  # what went otherwise than usual, a sentence each
    tried: int = 0
    known: int = 0  # of those tried: measured by an earlier search

    def __str__(self) -> str:
        lines = [f"{t.problem}: {t.candidate}. {t.reason}" for t in self.choices]
        lines += [f"{problem}: {why}" for problem, why in self.left.items()]
        lines += self.notices
        if self.known:
            lines.append(f"{self.known} of {self.tried} results were known.")
        return "\n".join(lines) or "no problem was tuned"


def problems_of(
    model: Callable[..., Any], example_inputs: Iterable[Tensor], train: bool = False
) -> Counter[str]:
    """How often each problem occurs in one run on device_of(); with `train` backward included.

    Two convolutions in a row are a problem of their own beside those of the convolutions that run
    for them; "step" in its string means that backward follows. Raises as device_of().
    """
    return record(model, example_inputs, train)[0]


def record(
    model: Callable[..., Any], example_inputs: Iterable[Tensor], train: bool = False
) -> tuple[Counter[str], tuple[str, ...]]:
    """`problems_of`, and sentences about what Convwright computes and nothing is searched for."""
    inputs = tuple(example_inputs)
    on_gpu = device_of(model, inputs) != "cpu"
    with torch.set_grad_enabled(train):
        rows = explain(model, *inputs).rows
    return _counted(rows, on_gpu), () if on_gpu else _subjects.left_out(rows)


def device_of(model: Callable[..., Any], example_inputs: Iterable[Tensor]) -> str:
    """The GPU that holds a parameter or an input, such as "cuda:0"; "cpu" where none does.

    Raises ValueError for tensors of several GPUs.
    """
    gpus = [f"cuda:{index}" for index in gpus_of(model, tuple(example_inputs))]
    if len(gpus) > 1:
        raise ValueError(
            f"the model and its inputs are on {' and '.join(gpus)}, and one GPU is tuned at a "
            "time; move them to one of these"
        )
    return gpus[0] if gpus else "cpu"


def untuned_problems(
    function: Callable[..., Any], *arguments: Any, on_gpu: bool = False
) -> Counter[str]:
    """How often each problem for which nothing was chosen occurs in one call, backward included.

    Of those on the CPU or, if asked for, those on the GPU.
    """
    rows = explain(function, *arguments).rows
    return _counted((row for row in rows if not _subjects.was_chosen(row)), on_gpu)


def _counted(rows: Iterable[Row], on_gpu: bool = False) -> Counter[str]:
    texts = (_subjects.of_row(row, on_gpu) for row in rows)
    return Counter(text for text in texts if text is not None)


def tune(
    model: Callable[..., Any],
    example_inputs: Tensor | Iterable[Tensor],
    *,
    train: bool = False,
    budget: str | float = "5m",
    seed: int = 1,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Report:
    """Tune the convolutions of a model where it is: on the GPU that holds its parameters or inputs,
    else on this CPU, for the present number of PyTorch's threads. Those elsewhere are left out.

    budget is seconds, or text such as "90s", "5m", "1h". `progress` is called with each event of
    the search. Raises ValueError for a budget that is none and a model on several GPUs,
    TunerMissing where there is no tuner.
    """
    inputs = (example_inputs,) if isinstance(example_inputs, Tensor) else tuple(example_inputs)
    problems, left_out = record(model, inputs, train)
    report = tune_problems(
        problems, device=device_of(model, inputs), budget=budget, seed=seed, progress=progress
    )
    return replace(report, notices=(*left_out, *report.notices))


def tune_problems(
    problems: Iterable[str] | Counter[str],
    *,
    device: str = "cpu",
    budget: str | float = "5m",
    seed: int = 1,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Report:
    """Tune problem strings; a Counter says how often each occurs. Otherwise as `tune`.

    device is "cpu", "cuda", which is the current GPU, or "cuda:1". Raises ValueError for another
    one and for a text that is no problem, too, TunerMissing where there is no such GPU.
    """
    counted = problems if isinstance(problems, Counter) else Counter(problems)
    seconds = parse_budget(budget)
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    place = _numbered(device)
    for event in _events(counted, place, seconds, seed):
        if progress is not None:
            progress(event)
        events[event["event"]].append(event)
    _choices.reload()
    # What is close is compared again at the end: its last choice counts.
    last = {(event["problem"], event["phase"]): event for event in events["choice"]}
    choices = tuple(map(_tuned, last.values()))
    notices = [event["notice"] for event in events["notice"]]
    if place != "cpu":
        notices += _gpu_notices(choices)
    return Report(
        choices,
        {event["problem"]: event["reason"] for event in events["left"]},
        tuple(dict.fromkeys(notices)),
        len(events["result"]),
        sum(event["known"] for event in events["result"]),
    )


def parse_budget(budget: str | float) -> float:
    """Seconds of "90s", "5m", "1h" or a number. Raises ValueError otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)([smh]?)", str(budget))
    if match is None or float(match[1]) == 0:
        raise ValueError(
            f"budget is {budget!r}; accepted are seconds, and texts such as 90s, 5m, 1h"
        )
    return float(match[1]) * _UNITS[match[2]]


def candidates(problems: Iterable[str], device: str = "cpu") -> str:
    """The candidates of each problem by predicted cost, and why others are rejected.

    Nothing is measured. Raises as `tune_problems`.
    """
    return _look("--dry-run", problems, device)


def explanations(problems: Iterable[str], device: str = "cpu") -> str:
    """Why the choice for each problem won on this machine, or what would run without one.

    Nothing is measured. Raises as `tune_problems`.
    """
    return _look("--explain", problems, device)


def _look(how: str, problems: Iterable[str], device: str) -> str:
    where = ("--device", _numbered(device))
    command = [str(find_tuner()), "search", how, "--problems", "-", *where, *_environment()]
    done = subprocess.run(
        command, input=problem_lines(Counter(problems), device), capture_output=True, text=True
    )
    _raise_unless_ok(done.returncode, done.stderr)
    return (done.stdout + done.stderr).rstrip()  # problems without a task are named there


def _environment() -> list[str]:
    """What times depend on beside the machine, and the tuner cannot know."""
    return ["--threads", str(torch.get_num_threads()), "--torch", torch.__version__]


def _numbered(device: str) -> str:
    """A device as the tuner knows it, whose "cuda" is the first GPU."""
    # Where there is no such GPU the tuner says why.
    return str(check.place_of(device)) if torch.cuda.is_available() else device


def _gpu_notices(choices: Iterable[Tuned]) -> Iterator[str]:
    """How this process would run what was chosen for a GPU otherwise than it was compared."""
    pytorchs = any(choice.candidate == "pytorch" for choice in choices)
    if pytorchs and not torch.backends.cudnn.benchmark:
        yield _AT_ITS_BEST
    if not torch.ops.convwright.tf32_allowed():
        return
    subjects = [(_subjects.parse(choice.problem), choice.candidate) for choice in choices]
    if any(
        "/" in candidate and s.dtype is torch.float32 and not s.product and s.form is None
        for s, candidate in subjects
    ):
        yield _WITHOUT_TF32
    if any(s.form and s.problem.direction == "fprop" for s, _ in subjects):
        yield _KINDS_WITHOUT_TF32


def _events(
    problems: Counter[str], device: str, seconds: float, seed: int
) -> Iterator[dict[str, Any]]:
    if not problems:
        return
    command = [
        str(find_tuner()),
        *("search", "--json", "--problems", "-", "--python", sys.executable, "--device", device),
        *("--budget", str(seconds), "--seed", str(seed), *_environment()),
    ]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        _compare_server.running(CONVWRIGHT_LIBRARY=str(_library.find())) as environment,
        subprocess.Popen(command, text=True, env=environment, **pipes) as process,
    ):
        said: list[str] = []
        # At the same time: a full pipe would stop the search.
        reader = threading.Thread(target=lambda: said.extend(process.stderr or ()))
        reader.start()
        try:
            yield from _lines(process, problem_lines(problems, device))
            status = process.wait()
            reader.join()
            _raise_unless_ok(status, "".join(said))
            yield from ({"event": "notice", "notice": line.rstrip()} for line in said)
        finally:
            # What was measured is in the database, whatever ends this.
            process.kill()
            reader.join()


def _lines(process: "subprocess.Popen[str]", problems: str) -> Iterator[dict[str, Any]]:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):  # its complaint says why it does not read
        process.stdin.write(problems)
        process.stdin.close()
    for line in process.stdout:
        if line.endswith("\n"):  # else it was ended within the line
            yield json.loads(line)


def _raise_unless_ok(status: int, complaint: str) -> None:
    if status == _USAGE:
        raise ValueError(complaint.strip())
    if status < 0:
        raise TunerMissing(
            f"convwright-tune was ended by signal {-status}; what it measured is kept, and the "
            "next search goes on from there."
        )
    if status != 0:
        raise TunerMissing(complaint.strip() or f"convwright-tune ended with {status}")


def problem_lines(problems: Counter[str], device: str = "cpu") -> str:
    """For `convwright-tune search --problems -`: problem, count, how it is computed by rule."""
    on_gpu = device != "cpu"
    return "".join(
        f"{text} {count} {_subjects.kind_by_rule(text, on_gpu)}".rstrip() + "\n"
        for text, count in problems.items()
    )


def _tuned(event: dict[str, Any]) -> Tuned:
    finals = event.get("finals", {})
    return Tuned(
        event["problem"],
        event["phase"],
        event["candidate"],
        event["seconds"],
        finals.get("default", {}).get("seconds"),
        next((f["seconds"] for f in finals.values() if f["candidate"] == "pytorch"), None),
        event["reason"],
    )
