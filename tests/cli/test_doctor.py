# SPDX-License-Identifier: Apache-2.0
"""`convwright doctor`, where things work and where they do not."""

import json
import sqlite3
from pathlib import Path

import pytest
import torch

from convwright import _machine
from convwright._doctor import storage
from convwright._doctor.diagnosis import BAD, NOTE, OK, Finding, diagnosis_of


def rows_of(done) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["about"], row["item"]): row for row in json.loads(done.stdout)}


def test_all_is_well(program, tmp_path: Path) -> None:
    done = program("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = rows_of(done)
    assert rows["torch", "version"]["value"] == torch.__version__
    assert rows["library", "isa"]["value"].startswith(torch.ops.convwright.isa())
    assert rows["library", "convolution"]["state"] == OK
    assert int(rows["library", "kernels cpu avx2"]["value"]) > 0
    assert rows["cache", "folder"]["value"] == f"{tmp_path / 'cache'}, not made yet"
    assert rows["environment", "CONVWRIGHT_CACHE_DIR"]["value"] == str(tmp_path / "cache")
    assert rows["choices", "file"]["value"].startswith(str(tmp_path / "cache"))
    assert rows["verdict", ""]["value"].startswith("Convwright works here")
    assert not (tmp_path / "cache").exists()  # looking makes nothing


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("raise OSError('libc10.so: cannot open')", "OSError: libc10.so: cannot open"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("import sys; sys.exit(7)", "exit status 7"),
    ],
    ids=["raises", "crashes", "ends"],
)
def test_a_broken_pytorch(content: str, what: str, program, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(content)
    done = program("doctor", path=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == ""
    *_, last = done.stdout.splitlines()
    assert last.startswith("Convwright cannot run here, ")
    assert what in last
    assert "library      file" in done.stdout  # the rest is there all the same
    assert "database" in done.stdout


@pytest.mark.parametrize("content", [None, "not a library"], ids=["absent", "damaged"])
def test_a_broken_library(content: str | None, program, tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    if content is not None:
        library.write_text(content)
    done = program("doctor", "--json", CONVWRIGHT_LIBRARY=str(library))
    assert done.returncode == 1
    rows = rows_of(done)
    assert rows["library", "load"]["state"] == BAD
    assert str(library) in rows["verdict", ""]["value"]
    assert rows["torch", "version"]["state"] == OK


def database(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(20000));")
    connection.close()
    return path


def test_health_of_the_database(tmp_path: Path) -> None:
    sound = database(tmp_path / "cache" / "tuning.db")
    environment = {"CONVWRIGHT_CACHE_DIR": str(sound.parent)}
    folder, found = storage.storage(environment)
    assert "1 files" in folder.value
    assert (found.state, found.value.endswith(", sound")) == (OK, True)

    named = tmp_path / "other.db"
    named.write_text("Dear reader, this is no database. " * 100)
    _, found = storage.storage(environment | {"CONVWRIGHT_DB": str(named)})
    assert found.state == NOTE
    assert "cannot be read: file is not a database" in found.value

    damaged = bytearray(sound.read_bytes())
    damaged[4096:8192] = bytes(4096)
    sound.write_bytes(damaged)
    _, found = storage.storage(environment)
    assert found.state == NOTE
    assert sound.read_bytes() == damaged  # left as it is


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"CONVWRIGHT_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"CONVWRIGHT_CACHE_DIR": "", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/convwright"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/c"}, "/c/.cache/convwright"),
        ({}, None),
    ],
)
def test_the_folder_is_that_of_the_library(environment: dict[str, str], folder: str | None) -> None:
    assert storage.cache_folder(environment) == (None if folder is None else Path(folder))


@pytest.mark.parametrize(
    ("flags", "isa"),
    [
        ("fpu avx2 fma avx512f avx512cd avx512bw avx512dq avx512vl", "avx512"),
        ("fpu avx2 fma avx512f", "avx2"),
        ("fpu avx2", "none"),
        ("", "none"),
    ],
)
def test_what_the_cpu_offers(
    flags: str, isa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor\t: 0\nmodel name\t: A CPU\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    monkeypatch.setattr(_machine, "_CPU_INFO", file)
    assert (_machine.cpu_name(), _machine.offered_isa()) == ("A CPU", isa)


def test_verdicts_and_order() -> None:
    well, note = Finding("a", "x", "1"), Finding("b", "y", "look", NOTE)
    bad = Finding("a", "z", "gone.", BAD)
    assert diagnosis_of([well]).verdict == "Convwright works here."
    noted = diagnosis_of([well, note])
    assert (noted.status, noted.verdict) == (0, "Convwright works here; see 1 notes.")
    broken = diagnosis_of([well, note], [bad])
    assert broken.status == 1
    assert broken.findings == (well, bad, note)  # what is about one thing stands together
    assert broken.verdict == "Convwright cannot run here, a z: gone."
    assert broken.rows()[-1]["state"] == BAD
