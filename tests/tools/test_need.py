# SPDX-License-Identifier: Apache-2.0
"""tools/need, tools/on_gpu and tools/wheel: what is missing, what runs; no GPU is asked."""

import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def need(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, TOOLS / "need", *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode, result.stdout


@pytest.mark.parametrize("version", ["", "=={}", "=={}.{}"])
def test_present_packages(version: str) -> None:
    found = version.format(*metadata.version("pytest").split("."))
    assert need("make x", f"pytest{found}") == (0, "")


def test_all_that_is_missing_is_named_in_one_sentence() -> None:
    have = metadata.version("pytest")
    assert need("make x", "pytest==1.2", "no-such-package", "pip") == (
        1,
        f"make x: {sys.executable} lacks pytest==1.2 (it has {have}), no-such-package; "
        "install them, or name another interpreter with PYTHON=.\n",
    )


def test_versions_are_compared_part_by_part() -> None:
    first, *rest = metadata.version("pytest").split(".")
    cut = ".".join([first, *rest])[:-1].rstrip(".")  # the last part lacks a digit, or is gone
    assert need("make x", f"pytest=={first}0")[0] == 1
    assert need("make x", f"pytest=={cut}")[0] == int(len(rest[-1]) > 1)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the tools, and an interpreter whose PyTorch finds a GPU."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "on_gpu").symlink_to(TOOLS / "on_gpu")
    (tmp_path / "tools" / "need").write_text("")  # nothing is missing
    return tmp_path


def on_gpu(checkout: Path, *, path: str = "") -> subprocess.CompletedProcess:
    show = "import os, convwright; print(convwright.WHERE, os.environ.get('CONVWRIGHT_LIBRARY'))"
    python = checkout / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{path}" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    command = ["tools/on_gpu", "make x", python, "build/dev", "numpy", "--", "-c", show]
    environment = {**os.environ, "CONVWRIGHT_LIBRARY": "/elsewhere", "PYTHONPATH": "/elsewhere"}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


def package(folder: Path, where: str) -> None:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"WHERE = {where!r}\n")
    (folder / "_library.py").write_text("def load(): pass\n")


def wheel(checkout: Path) -> None:
    (checkout / "dist").mkdir()
    with zipfile.ZipFile(checkout / "dist" / "convwright-9-py3-none-any.whl", "w") as archive:
        archive.writestr("convwright/__init__.py", "WHERE = 'wheel'\n")
        about = "convwright-9.dist-info/"
        archive.writestr(
            f"{about}METADATA", "Metadata-Version: 2.1\nName: convwright\nVersion: 9\n"
        )
        archive.writestr(f"{about}WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{about}RECORD", "")


def test_build_before_wheel_before_installed_copy(checkout: Path) -> None:
    elsewhere = str(checkout / "installed")
    package(checkout / "installed" / "convwright", "installed")
    result = on_gpu(checkout, path=elsewhere)
    assert (result.stdout, result.stderr) == ("installed None\n", "")

    wheel(checkout)
    result = on_gpu(checkout, path=elsewhere)
    assert (result.stdout, result.stderr) == ("wheel None\n", "")

    package(checkout / "torch_ops" / "python" / "convwright", "checkout")
    library = checkout / "build" / "dev" / "libconvwright_ops.so"
    library.parent.mkdir(parents=True)
    library.touch()
    result = on_gpu(checkout, path=elsewhere)
    assert (result.stdout, result.stderr) == (f"checkout {library}\n", "")


def test_no_copy_at_all_says_what_to_do(checkout: Path) -> None:
    result = on_gpu(checkout)
    assert result.returncode == 1
    assert result.stdout == (
        "make x: there is no build in build/dev, no dist/convwright-*.whl and no installed "
        "convwright; run `make wheel` where there is a compiler, and copy dist/ here.\n"
    )


def test_no_interpreter() -> None:
    command = [TOOLS / "on_gpu", "make x", "no-such-python", "build/dev", "--", "-c", ""]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "there is no 'no-such-python'" in result.stdout


@pytest.mark.parametrize(("complete", "tags"), [(True, True), (True, False), (False, True)])
def test_wheel_needs_no_set_up_where_the_packages_are(
    tmp_path: Path, complete: bool, tags: bool
) -> None:
    (tmp_path / "tools").mkdir()
    for name in ("wheel", "step"):
        (tmp_path / "tools" / name).symlink_to(TOOLS / name)
    environment = {**os.environ, "VIRTUAL_ENV": str(tmp_path / ".venv")}
    untagged, tagged = (f"convwright-9-py3-none-{tag}.whl" for tag in ("linux", "manylinux"))
    show = '#!/bin/sh\necho "${0##*/} $* ${VIRTUAL_ENV-none}"\n'
    # Stands for pip, which leaves a wheel, and for auditwheel, which makes a tagged one or refuses.
    acts = f"""case "$*" in
    tools/need*) exit {int(not complete)} ;;
    *" wheel "*) mkdir -p build/wheel-dist dist; touch build/wheel-dist/{untagged} ;;
    *auditwheel*) {f"touch dist/{tagged}" if tags else "exit 1"} ;;
    esac
    """
    commands = {
        "python": show + acts,
        "make": f"{show}mkdir -p .venv/bin && cp python .venv/bin/\n",
    }
    for name, text in commands.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    command = ["tools/wheel", "./python"]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    said = result.stdout.splitlines()
    assert said[0].startswith("python tools/need make wheel without set-up halide==21.0.0 torch==")
    assert said[1].startswith("== Building" if complete else "make --no-print-directory setup")
    (built,) = [line for line in said if " -m pip wheel " in line]
    assert built.endswith("-dist . none" if complete else f". {tmp_path}/.venv")
    assert [file.name for file in (tmp_path / "dist").iterdir()] == [tagged if tags else untagged]
    assert ("The wheel has no manylinux tag: " in result.stdout) == (not tags)
    assert said[-1] == f"Made dist/{tagged if tags else untagged}"
