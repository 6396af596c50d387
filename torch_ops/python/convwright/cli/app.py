# SPDX-License-Identifier: Apache-2.0
"""All commands together, and what becomes of their errors."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import convwright
from convwright._library import LibraryMissing
from convwright._tuner_program import TunerMissing
from convwright.cli import bench, check, doctor, explain, kernels, report, tune, tuner_commands
from convwright.cli.errors import (
    FAILURE,
    INTERRUPTED,
    USAGE,
    CommandError,
    UsageError,
    first_line,
)

# Click's class, whether typer brings click or needs it.
_BadCommandLine = typer.BadParameter.__mro__[1]

app = typer.Typer(
    help="Tuned convolutions for PyTorch: tune, time and explain them.\n\n"
    "Exit status: 0 success, 1 failure, 2 usage, 130 interrupted.",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for module in (tune, bench, report, explain, check, kernels, tuner_commands, doctor):
    module.add_to(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"convwright {convwright.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def run(arguments: list[str]) -> int:
    """Exit status of one command."""
    name = "convwright" if Path(sys.argv[0]).stem == "convwright" else "python -m convwright"
    try:
        status = app(arguments, prog_name=name, standalone_mode=False) or 0
        sys.stdout.flush()  # a full disk is seen here, and not after the last word
    except (_BadCommandLine, UsageError) as error:
        return _complain(name, _text_of(error), USAGE)
    except BrokenPipeError:  # whoever read has enough; nothing more can be said
        _drop_output()
        return FAILURE
    except (CommandError, LibraryMissing, TunerMissing, OSError) as error:
        try:
            sys.stdout.flush()
        except OSError:  # the output itself is what cannot be written: Python would try again
            _drop_output()
        return _complain(name, str(error), FAILURE)
    except (RuntimeError, ValueError) as error:
        if not str(error).startswith("CONVWRIGHT_"):
            raise
        return _complain(name, first_line(error), USAGE)  # a variable whose value is none
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:
        return _complain(name, "interrupted", INTERRUPTED)
    return status


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _text_of(error: Exception) -> str:
    """Click's errors know more than their text: which option it is about."""
    text = getattr(error, "format_message", error.__str__)()
    return text or "a command is missing; --help lists them"


def _complain(name: str, text: str, status: int) -> int:
    print(f"{name}: {text}", file=sys.stderr)
    return status
