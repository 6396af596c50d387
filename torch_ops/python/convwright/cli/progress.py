# SPDX-License-Identifier: Apache-2.0
"""What a command is at, on the standard error while that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Gives a function that shows a line in the place of the one before; the last one goes away.

    Colours are left out where NO_COLOR is set, movement on a terminal that cannot move.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(Text(text))
