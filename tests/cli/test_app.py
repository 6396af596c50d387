# SPDX-License-Identifier: Apache-2.0
"""What all commands share: help, exit status, streams, packages that are missing."""

import contextlib
import os
import pty
import subprocess
import sys

import pytest

import convwright
from convwright import _library, check
from convwright.cli import main

COMMANDS = ("tune", "bench", "report", "explain", "check", "kernels", "db", "doctor")
PROBLEM = "fprop_n1ci3ih5iw5co4kh3kw3s1p1_f32_nhwc"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f" {command} " in out for command in COMMANDS)
    assert "130 interrupted" in out


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "db"])
def test_help_of_a_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"convwright {command}" in out.partition("Options")[0].partition("Example")[2]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"convwright {convwright.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nonsense"], "nonsense"),
        (["check", PROBLEM, "--nonsense"], "--nonsense"),
        (["kernels", "--json", "--csv"], "one of --json, --csv and --md can be given"),
        (["kernels", "--device", "tpu"], "device is 'tpu'"),
        (["kernels", "--problem", "nonsense"], "problem 'nonsense'"),
        (["explain"], "--model"),
        (["explain", "--model", "torch.nn:Identity"], "--model needs --input"),
    ],
)
def test_usage_is_one_sentence(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert text in output.err


def test_a_missing_library_is_a_failure(program) -> None:
    done = program("kernels", CONVWRIGHT_LIBRARY="/nowhere/library.so")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/nowhere/library.so" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_interrupt_is_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "check", interrupted)
    assert main(["check", PROBLEM]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_reader_that_stops_gets_no_complaint() -> None:
    command = f"{sys.executable} -m convwright kernels | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


def test_output_that_cannot_be_written_is_a_failure() -> None:
    command = [sys.executable, "-m", "convwright", "--version"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_packages_of_the_command_line(missing: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from convwright.cli import main
sys.exit(main(sys.argv[1:]))
"""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    done = run("kernels")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"needs {missing}" in done.stderr and "convwright[cli]" in done.stderr
    doctor = run("doctor")
    assert doctor.returncode == 0, doctor.stderr
    assert doctor.stdout.splitlines()[-1].startswith("Convwright works here")


def everything(terminal: int) -> bytes:
    """What is written to a terminal until nobody has it open any more."""
    seen = b""
    with contextlib.suppress(OSError):  # the end, on Linux
        while chunk := os.read(terminal, 4096):
            seen += chunk
    return seen


@pytest.mark.parametrize("no_colour", [False, True])
def test_progress_and_colours_are_for_terminals(no_colour: bool) -> None:
    """Standard error is a terminal, and standard output is not."""
    environment = os.environ | {"TERM": "xterm", "CONVWRIGHT_LIBRARY": str(_library.find())}
    environment.pop("NO_COLOR", None)
    if no_colour:
        environment["NO_COLOR"] = "1"
    command = [sys.executable, "-m", "convwright", "check", PROBLEM]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        seen = everything(ours)
        table, _ = process.communicate()
    os.close(ours)
    assert process.returncode == 0
    assert PROBLEM.encode() in seen
    assert (b"\x1b[32m" in seen) == (not no_colour)  # the spinner's green
    assert table.startswith("kernel") and "\x1b" not in table
