# SPDX-License-Identifier: Apache-2.0
"""How a command ends that cannot do what was asked: one sentence and an exit status."""

from collections.abc import Iterator
from contextlib import contextmanager

SUCCESS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130


class UsageError(Exception):
    """What was asked is not accepted. The text says what is."""


class CommandError(Exception):
    """What was asked cannot be done here. The text says why, and what to do."""


@contextmanager
def usage_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Exceptions of these kinds are about what was asked; their first line says so."""
    try:
        yield
    except kinds as error:
        raise UsageError(first_line(error)) from error


def first_line(error: Exception) -> str:
    """Of its text, or what it is."""
    return (str(error).splitlines() or [type(error).__name__])[0]
