# SPDX-License-Identifier: Apache-2.0
"""What the built operator library links, exports and defines."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from sources import ROOT


def build_folder() -> Path:
    """Of the library under test: CONVWRIGHT_LIBRARY's, else the newest one of the checkout."""
    if "CONVWRIGHT_LIBRARY" in os.environ:
        return Path(os.environ["CONVWRIGHT_LIBRARY"]).parent
    builds = (
        ROOT / "build" / preset / "libconvwright_ops.so" for preset in ("dev", "ci", "release")
    )
    built = sorted((f for f in builds if f.is_file()), key=lambda f: f.stat().st_mtime)
    if not built:
        pytest.skip("no libconvwright_ops.so in build/: run `make` first")
    return built[-1].parent


def tool(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def library() -> Path:
    return build_folder() / "libconvwright_ops.so"


def test_links_no_python_halide_cuda_or_c10(library: Path) -> None:
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-d", library))
    assert "libtorch_cpu.so" in needed
    allowed = ("libtorch_cpu.", "libstdc++.", "libgcc_s.", "libc.", "libm.", "ld-linux", "libdl.",
               "libpthread.")  # fmt: skip
    assert [name for name in needed if not name.startswith(allowed)] == []


def test_records_no_path(library: Path) -> None:
    assert re.findall(r"\((?:RPATH|RUNPATH)\)", tool("readelf", "-d", library)) == []
    assert str(ROOT).encode() not in library.read_bytes()


def test_exports_nothing(library: Path) -> None:
    # Registration happens when the library is loaded; a symbol could only clash with another's.
    assert tool("nm", "--dynamic", "--defined-only", library) == ""


@pytest.fixture(scope="module")
def autograd_library() -> Path:
    found = sorted(build_folder().glob("convwright_autograd.*.so"))
    if not found:
        pytest.skip("built without CPython's headers: there is no autograd library")
    return found[-1]


def test_autograd_library_is_a_python_module_and_nothing_else(autograd_library: Path) -> None:
    symbols = tool("nm", "--dynamic", "--defined-only", autograd_library).splitlines()
    assert [line.split()[-1] for line in symbols] == ["PyInit__autograd"]
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-d", autograd_library))
    others = ("libpython", "libtorch_cuda", "libcuda")
    assert [name for name in needed if name.startswith(others)] == []


def test_autograd_library_records_no_path(autograd_library: Path) -> None:
    assert re.findall(r"\((?:RPATH|RUNPATH)\)", tool("readelf", "-d", autograd_library)) == []
    assert str(ROOT).encode() not in autograd_library.read_bytes()


def test_kernels_carry_no_halide_runtime() -> None:
    objects = sorted((build_folder() / "kernels" / "shipped").glob("*.o"))
    if not objects:
        pytest.skip("the library was built elsewhere: there are no kernel objects")
    symbols = tool("nm", "--defined-only", "--extern-only", "--print-file-name", *objects)
    assert [line for line in symbols.splitlines() if re.search(r"\bhalide_", line)] == []


def test_has_one_halide_runtime(library: Path) -> None:
    names = [line.split()[-1] for line in tool("nm", "--defined-only", library).splitlines()]
    assert names.count("halide_do_par_for") == 1
    assert names.count("halide_error") == 1
