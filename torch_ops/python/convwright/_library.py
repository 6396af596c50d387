# SPDX-License-Identifier: Apache-2.0
"""Find and load the operator library, libconvwright_ops.so.

Places, in order: the path in `CONVWRIGHT_LIBRARY`; `lib/` beside this file (a wheel);
`build/dev` and `build/release` of a source checkout, the newest build first.
"""

import os
import platform
import warnings
from collections.abc import Iterable
from pathlib import Path

FILE_NAME = "libconvwright_ops.so"
_REMEDY = (
    "Build it with `make`, install a wheel that holds it, or set CONVWRIGHT_LIBRARY to its path."
)
# Whose inner names the Python layer uses; the operators' stable ABI is of this version too.
_PYTORCH = ("2", "11")


class LibraryMissing(ImportError):
    """The operator library could not be loaded. The text says why and what to do."""


def find() -> Path:
    """Path of the library to load. Raises LibraryMissing if there is none."""
    named = os.environ.get("CONVWRIGHT_LIBRARY")
    if named:
        path = Path(named)
        if not path.is_file():
            raise LibraryMissing(f"CONVWRIGHT_LIBRARY is {named!r}, which is not a file. {_REMEDY}")
        return path.resolve()

    package = Path(__file__).resolve().parent
    in_wheel = package / "lib" / FILE_NAME
    if in_wheel.is_file():
        return in_wheel
    checkout = package.parents[2]
    builds = [checkout / "build" / preset / FILE_NAME for preset in ("dev", "release")]
    built = [path for path in builds if path.is_file()]
    if not built:
        raise LibraryMissing(
            f"{FILE_NAME} was found neither in {package / 'lib'} nor in a build tree. {_REMEDY}"
        )
    return max(built, key=lambda path: path.stat().st_mtime)


def load() -> None:
    """Make `torch.ops.convwright` usable; does nothing where it already is.

    Raises LibraryMissing with the cause if no library is found or the loader refuses it.
    """
    import torch  # not above: `convwright doctor` looks for the library without PyTorch

    if hasattr(torch.ops.convwright, "conv2d_fprop"):
        # A second copy would register the same namespace again, which ends the process.
        _warn_if_other_library_was_loaded(torch.ops.loaded_libraries)
        return
    _refuse_other_machines_and_pytorchs(torch.__version__)
    path = find()
    try:
        torch.ops.load_library(path)
    except OSError as error:
        raise LibraryMissing(f"{path} could not be loaded ({error}). {_REMEDY}") from error


def _refuse_other_machines_and_pytorchs(version: str) -> None:
    """What the loader would say of them names symbols and headers, not the cause."""
    if platform.machine() not in ("x86_64", "AMD64"):
        raise LibraryMissing(
            f"This machine is {platform.machine()}, Convwright's kernels are for x86-64; use "
            "torch.nn's layers here."
        )
    if tuple(version.split(".")[:2]) != _PYTORCH:
        needed = ".".join(_PYTORCH)
        raise LibraryMissing(
            f"PyTorch is {version}, this Convwright is made for {needed}; install "
            f"'torch=={needed}.*', or a Convwright for the PyTorch that is here."
        )


def loaded() -> Path | None:
    """Path of the operator library of this process, None where there is none."""
    import torch

    paths = [Path(p) for p in torch.ops.loaded_libraries if Path(p).name == FILE_NAME]
    return paths[0] if paths else None


def _warn_if_other_library_was_loaded(libraries: Iterable[str]) -> None:
    named = os.environ.get("CONVWRIGHT_LIBRARY")
    loaded = [p for p in libraries if Path(p).name == FILE_NAME]
    if named and loaded and str(Path(named).resolve()) not in loaded:
        warnings.warn(
            f"CONVWRIGHT_LIBRARY is {named!r}, but {loaded[0]} is already loaded and stays in use.",
            stacklevel=3,
        )
