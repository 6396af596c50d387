# SPDX-License-Identifier: Apache-2.0
"""Finding and loading the operator library, each time in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from convwright import _library

SOURCE = Path(_library.__file__).parents[1]
(LOADED,) = torch.ops.loaded_libraries

USE = """
import torch, convwright
print("imported")
layer = convwright.nn.Conv2d(1, 1, 1)
convwright.convert_(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1)))
print(layer.double()(torch.ones(1, 1, 1, 1, dtype=torch.float64)).dtype)
layer.float()(torch.ones(1, 1, 1, 1))
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "error", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(None, "is not a file"), ("not a library", "could not be loaded")],
    ids=["absent", "damaged"],
)
def test_import_works_without_and_first_use_says_why(
    tmp_path: Path, content: str | None, cause: str
) -> None:
    library = tmp_path / _library.FILE_NAME
    if content is not None:
        library.write_text(content)
    result = run(USE, CONVWRIGHT_LIBRARY=str(library))
    assert result.stdout == "imported\ntorch.float64\n"
    last = result.stderr.splitlines()[-1]
    assert last.startswith("convwright._library.LibraryMissing: ")
    assert cause in last
    assert str(library) in last
    assert "Build it with `make`" in last


@pytest.mark.parametrize(
    ("pretence", "text"),
    [
        ("import platform; platform.machine = lambda: 'aarch64'", "This machine is aarch64, "),
        ("import torch; torch.__version__ = '2.10.1+cpu'", "PyTorch is 2.10.1+cpu, "),
    ],
    ids=["machine", "pytorch"],
)
def test_another_machine_or_pytorch_is_named_at_first_use(pretence: str, text: str) -> None:
    result = run(f"{pretence}\n{USE}", CONVWRIGHT_LIBRARY=LOADED)
    assert result.stdout == "imported\ntorch.float64\n"
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"convwright._library.LibraryMissing: {text}")
    assert last.endswith(".")


def test_second_copy_is_not_loaded(tmp_path: Path) -> None:
    copy = tmp_path / _library.FILE_NAME
    copy.write_bytes(Path(LOADED).read_bytes())
    code = f"import torch; torch.ops.load_library({LOADED!r})\n{USE}"
    quiet = run(code, CONVWRIGHT_LIBRARY=LOADED)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    told = run(code, CONVWRIGHT_LIBRARY=str(copy))
    assert f"{LOADED} is already loaded and stays in use" in told.stderr.splitlines()[-1]


def test_modules_can_be_loaded_again() -> None:
    code = f"{USE}\nimport importlib; importlib.reload(convwright._ops)"
    result = run(code, CONVWRIGHT_LIBRARY=LOADED)
    assert (result.returncode, result.stderr) == (0, "")


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "torch_ops" / "python" / "convwright"
    monkeypatch.setattr(_library, "__file__", str(package / "_library.py"))
    monkeypatch.delenv("CONVWRIGHT_LIBRARY", raising=False)
    with pytest.raises(_library.LibraryMissing, match="was found neither in"):
        _library.find()

    def place(folder: Path, age: int) -> Path:
        folder.mkdir(parents=True)
        library = folder / _library.FILE_NAME
        library.touch()
        os.utime(library, (1000 - age, 1000 - age))
        return library

    release = place(tmp_path / "build" / "release", age=1)
    assert _library.find() == release
    dev = place(tmp_path / "build" / "dev", age=0)
    assert _library.find() == dev
    in_wheel = place(package / "lib", age=9)
    assert _library.find() == in_wheel
    monkeypatch.setenv("CONVWRIGHT_LIBRARY", str(release))
    assert _library.find() == release
