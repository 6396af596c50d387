# SPDX-License-Identifier: Apache-2.0
"""Where the program `convwright-tune` is."""

import shutil
from pathlib import Path

from convwright import _library


class TunerMissing(RuntimeError):
    """The program `convwright-tune` is not there, or cannot work. The text says what to do."""


def find_tuner() -> Path:
    """convwright-tune: beside the operator library, in `bin` of its build, or on the PATH."""
    library = _library.find().parent
    for folder in (library, library / "bin", library.parent / "bin"):
        if (folder / "convwright-tune").is_file():
            return folder / "convwright-tune"
    found = shutil.which("convwright-tune")
    if found is None:
        raise TunerMissing(
            "convwright-tune was found neither beside the operator library nor on the PATH; build "
            "it with `make`, or install the extra convwright[tune]."
        )
    return Path(found)
