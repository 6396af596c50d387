# SPDX-License-Identifier: Apache-2.0
"""What a wheel holds of the tuner: installed into a folder of packages, with and without Halide."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from convwright import LibraryMissing, _library

PROBLEM = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"
HALIDE = importlib.util.find_spec("halide")


def _build() -> Path | None:
    try:
        folder = _library.find().parent
    except LibraryMissing:
        return None
    there = (folder / "cmake_install.cmake", folder / "bin" / "convwright-tune")
    return folder if all(file.is_file() for file in there) else None


BUILD = _build()
pytestmark = [
    pytest.mark.skipif(BUILD is None, reason="the tuner was not built here"),
    pytest.mark.skipif(HALIDE is None, reason="there is no package halide"),
    pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake"),
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as site-packages: what is installed of the build, and a link to Halide."""
    folder = tmp_path_factory.mktemp("packages")
    done = subprocess.run(
        ["cmake", "--install", str(BUILD), "--prefix", str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert HALIDE is not None
    (folder / "halide").symlink_to(Path(HALIDE.submodule_search_locations[0]))
    return folder


def search(packages: Path, cache: Path, **environment: str) -> subprocess.CompletedProcess:
    program = packages / "convwright" / "lib" / "convwright-tune"
    command = [str(program), "search", "--problem", PROBLEM, "--trials", "8", "--budget", "60"]
    clean = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    return subprocess.run(
        command,
        env=clean | {"CONVWRIGHT_CACHE_DIR": str(cache)} | environment,
        capture_output=True,
        text=True,
    )


def sentence(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_it_makes_kernels_with_what_lies_beside_it(packages: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    done = search(packages, cache)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{PROBLEM}\t")
    # One of the first eight candidates is PyTorch, and the library has not all others.
    assert list((cache / "kernels").glob("*.so"))


@pytest.mark.parametrize("problem", [PROBLEM, f"wsum2d:{PROBLEM}", f"{PROBLEM}_mbm"])
def test_it_makes_kernels_for_gpus(packages: Path, tmp_path: Path, problem: str) -> None:
    jobs = tmp_path / "jobs"
    program = packages / "convwright" / "lib" / "convwright-tune"
    command = [str(program), "compile", "--target", "cuda:sm_90", "--problem", problem]
    done = subprocess.run(
        [*command, "--jobs", str(jobs), "--candidates", "4"],
        env=os.environ | {"CONVWRIGHT_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(file.read_text()) for file in (jobs / "measure").glob("*.json")]
    assert len(results) == 4
    reasons = [r["failure"]["reason"] for r in results if "failure" in r]
    if any("NVRTC was not found" in reason for reason in reasons):
        pytest.skip("there is no NVRTC")
    # One is the library's own; others may need too many registers.
    assert all("registers" in reason for reason in reasons), reasons
    assert list((jobs / "kernels").rglob("*.images"))


def test_without_halide_it_names_the_extra(packages: Path, tmp_path: Path) -> None:
    alone = tmp_path / "packages"
    shutil.copytree(packages / "convwright", alone / "convwright")
    said = sentence(search(alone, tmp_path / "cache"))
    assert "convwright[tune]" in said
    assert "libHalide" in said


def test_without_a_linker_it_says_what_to_install(packages: Path, tmp_path: Path) -> None:
    said = sentence(search(packages, tmp_path / "cache", PATH=str(tmp_path)))
    assert "No linker was found" in said


def test_no_path_of_the_build_is_recorded(packages: Path) -> None:
    beside_halide = ["halide/lib64"]
    for name, expected in {
        "convwright-tune": [],
        "convwright_compile_cuda": [],
        "convwright_generators": beside_halide,
        "convwright_product_generators": beside_halide,
        "convwright_cuda_generators": beside_halide,
        "convwright_cuda_weighted_sum_generators": beside_halide,
        "convwright_cuda_product_generators": beside_halide,
        "convwright_cuda_byte_generators": beside_halide,
    }.items():
        program = packages / "convwright" / "lib" / name
        dynamic = subprocess.run(
            ["readelf", "-d", str(program)], capture_output=True, text=True, check=True
        ).stdout
        paths = re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic)
        assert paths == [f"$ORIGIN/../../{path}" for path in expected]
