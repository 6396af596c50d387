# SPDX-License-Identifier: Apache-2.0
"""The command line, `python -m convwright`.

Exit status: 0 success, 1 a kernel is wrong or the tuner failed, 2 usage, 130 interrupted.
"""

import argparse
import importlib
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from convwright import LibraryMissing, _jobs, _subjects, check, tuning

# Commands of convwright-tune, with its options.
_PASSED_ON = {
    "db": "list, show, export, import, merge, prune or verify the tuning database",
    "export": "write what was chosen as a table that a later build has in its library",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m convwright")
    commands = parser.add_subparsers(dest="command", required=True)
    check_parser = commands.add_parser(
        "check", help="compare the kernels of one problem with PyTorch, tolerance 0"
    )
    check_parser.add_argument("problem", help="such as fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc")
    check_parser.add_argument("--kernel", help="only this kernel (default: all that accept it)")
    check_parser.add_argument("--seed", type=int, default=0, help="of the values (default: 0)")
    check_parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:1")
    tune_parser = commands.add_parser(
        "tune", help="search the fastest kernels of a model or of problems on this CPU"
    )
    what = tune_parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="module:function that returns a model")
    what.add_argument("--problem", action="append", help="problem string; may be repeated")
    what.add_argument("--problems", type=Path, help="file: a problem and its count a line")
    tune_parser.add_argument("--input", action="append", help="sizes, such as 128x3x32x32")
    tune_parser.add_argument("--train", action="store_true", help="backward too")
    tune_parser.add_argument("--budget", default="5m", help="such as 90s, 5m (default), 1h")
    tune_parser.add_argument("--threads", type=int, help="of PyTorch (default: as it is)")
    tune_parser.add_argument("--seed", type=int, default=1, help="of the search (default: 1)")
    for name, summary in _jobs.COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    words = sys.argv[1:] if arguments is None else arguments
    # Their options are those of the program behind them.
    rest = words[1:] if words and words[0] in _jobs.COMMANDS else []
    options = parser.parse_args(words[: len(words) - len(rest)])
    try:
        if options.command in _jobs.COMMANDS:
            return _jobs.run(options.command, rest)
        return {"check": _check, "tune": _tune}[options.command](options)
    except tuning.TunerMissing as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on where it was.", file=sys.stderr)
        return 130
    except (LibraryMissing, OSError, RuntimeError, ValueError) as error:
        parser.error(str(error))


def _tune(options: argparse.Namespace) -> int:
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    if options.model is not None:
        if options.input is None:
            raise ValueError("--model needs --input, the sizes of its input, such as 128x3x32x32")
        model, inputs = _model(options.model), [torch.randn(_sizes(t)) for t in options.input]
        problems = tuning.problems_of(model, inputs, options.train)
    elif options.problem is not None:
        problems = Counter(options.problem)
    else:
        problems = _problems_in(options.problems)
    for text in problems:
        _subjects.parse(text)
    if not problems:
        raise ValueError("there is no convolution to tune")
    if options.dry_run or options.explain:
        print(tuning.candidates(problems) if options.dry_run else tuning.explanations(problems))
        return 0
    show = _show_progress if sys.stderr.isatty() else None
    report = tuning.tune_problems(problems, budget=options.budget, seed=options.seed, progress=show)
    if show is not None:
        print("\r\033[K", end="", file=sys.stderr)
    print(report)
    return 0


def _problems_in(file: Path) -> Counter[str]:
    """A problem and, if given, how often it occurs, a line; # begins a comment."""
    problems: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        text, *count = line.partition("#")[0].split() or [""]
        if len(count) > 1 or not all(word.isdigit() and int(word) > 0 for word in count):
            raise ValueError(f"{file}: {line!r} is no problem with how often it occurs behind it")
        if text:
            problems[text] += int(count[0]) if count else 1
    return problems


def _model(name: str) -> Any:
    module, colon, function = name.partition(":")
    if not colon:
        raise ValueError(f"--model is {name!r}; write module:function")
    sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, TypeError) as error:
        raise ValueError(f"--model {name} cannot be made: {error}") from error


def _sizes(text: str) -> tuple[int, ...]:
    sizes = text.split("x")
    if not all(size.isdigit() and int(size) > 0 for size in sizes):
        raise ValueError(f"--input is {text!r}; write sizes such as 128x3x32x32")
    return tuple(map(int, sizes))


def _show_progress(event: dict[str, Any]) -> None:
    line = f"[{event['number'] + 1}/{event['count']}] {event['problem']}"
    if event["event"] == "result":
        failed = ", ".join(f"{count} {name}" for name, count in event["failed"].items())
        line += f"  {event['tried']} tried, best {event['best_seconds'] * 1e3:.3f} ms"
        line += f" ({failed})" if failed else ""
    line += f"  {event['left_seconds']:.0f} s left"
    print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def _check(options: argparse.Namespace) -> int:
    failed = False
    for result in check.check(options.problem, options.kernel, options.seed, options.device):
        failed |= result.failure is not None
        verdict = f"FAIL: {result.failure}" if result.failure else "ok"
        print(f"{result.kernel}  {result.schedule}  {result.isa}  {verdict}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
