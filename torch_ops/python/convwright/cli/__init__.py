# SPDX-License-Identifier: Apache-2.0
"""The command line: `convwright`, or `python -m convwright`.

Exit status: 0 success; 1 failure: a kernel is wrong, a measurement failed, something is missing;
2 usage; 130 interrupted. Results go to the standard output; messages, and progress on a terminal,
to the standard error.

A file here is a command. At import they load neither PyTorch nor the operator library, so that help
and completion come at once, and `doctor` works where nothing else does.
"""

import sys

_NEEDED = ("typer", "rich")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status. `arguments` are sys.argv's without one."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        from convwright.cli.app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _NEEDED:
            raise
        return _without_packages(arguments, error.name)
    return run(arguments)


def _without_packages(arguments: list[str], missing: str) -> int:
    if arguments == ["doctor"]:
        from convwright._doctor import examine

        diagnosis = examine()
        print(diagnosis)
        return diagnosis.status
    print(
        f"The command line needs {missing}, which is not installed: install convwright[cli]; "
        "`doctor`, without options, works as it is.",
        file=sys.stderr,
    )
    return 1
