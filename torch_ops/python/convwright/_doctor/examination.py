# SPDX-License-Identifier: Apache-2.0
"""All that `convwright doctor` looks at, in order. Nothing here raises, whatever is broken."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata

import convwright
from convwright import _machine
from convwright._doctor.child import probe
from convwright._doctor.diagnosis import NOTE, OK, Diagnosis, Finding, diagnosis_of
from convwright._doctor.storage import storage
from convwright._library import LibraryMissing, find
from convwright._tuner_program import TunerMissing, find_tuner

# Packages beside PyTorch, and what needs them.
_PACKAGES = {
    "halide": "tuning makes kernels with it",
    "numpy": "multipliers and benchmarks need it",
    "typer": "the command line needs it",
    "rich": "the command line needs it",
    "matplotlib": "reports need it",
    "jinja2": "reports need it",
}


def examine() -> Diagnosis:
    """Takes some seconds, most of them PyTorch's import in a process of its own."""
    return diagnosis_of(
        _program(), _cpu(), _packages(), _library(), probe(), _tuner(), storage(os.environ)
    )


def _program() -> Iterator[Finding]:
    yield Finding("convwright", "version", convwright.__version__)
    yield Finding("convwright", "package", os.path.dirname(convwright.__file__))
    yield Finding("python", "version", platform.python_version())
    yield Finding("python", "program", sys.executable)
    for name, value in sorted(os.environ.items()):
        if name.startswith("CONVWRIGHT_"):
            yield Finding("environment", name, value)


def _cpu() -> Iterator[Finding]:
    yield Finding("cpu", "model", _machine.cpu_name())
    yield Finding("cpu", "cores", str(len(os.sched_getaffinity(0))))
    offered = _machine.offered_isa()
    if offered == "none":
        yield Finding("cpu", "offers", "no AVX2 with FMA, which the kernels need", NOTE)
    else:
        yield Finding("cpu", "offers", offered)


def _packages() -> Iterator[Finding]:
    for name, what_for in _PACKAGES.items():
        try:
            yield Finding("packages", name, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding("packages", name, f"not installed: {what_for}", NOTE)


def _library() -> Iterator[Finding]:
    try:
        path = find()
        yield Finding("library", "file", f"{path}, {path.stat().st_size / 2**20:.1f} MiB")
    except (LibraryMissing, OSError) as error:
        # Whether that is bad is seen where it is loaded.
        yield Finding("library", "file", str(error), NOTE)


def _tuner() -> Iterator[Finding]:
    try:
        yield Finding("tuner", "program", str(find_tuner()), OK)
    except (LibraryMissing, TunerMissing, OSError) as error:
        yield Finding("tuner", "program", str(error), NOTE)
