# SPDX-License-Identifier: Apache-2.0
"""Faults under a search: killed programs, full and read-only disks, hostile files. Each ends in one
sentence, and what was measured before is there afterwards."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tune_program import PROBLEM, PROGRAM, Tuner, sentence

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="convwright-tune was not built"),
    pytest.mark.skipif(
        torch.ops.convwright.isa() == "none", reason="there are no kernels for this CPU"
    ),
]
SEARCH = ("search", "--problem", PROBLEM, "--trials")
# As many trials as come to a kernel that the library does not have.
MAKING = "16"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    """After a small search; tests copy its folder."""
    tuner = Tuner(tmp_path_factory.mktemp("tuned") / "cache")
    assert tuner.run(*SEARCH, "4").returncode == 0
    return tuner


@pytest.fixture
def copy(tuned: Tuner, tmp_path: Path) -> Tuner:
    return Tuner(Path(shutil.copytree(tuned.folder, tmp_path / "cache")))


def generators() -> Path:
    built = PROGRAM.parent.parent / "generators" / "convwright_generators"
    return built if built.is_file() else PROGRAM.parent / "convwright_generators"


def test_a_killed_generator_is_a_trial_that_failed(copy: Tuner, tmp_path: Path) -> None:
    """As by the kernel's out-of-memory killer: once, and the search goes on."""
    once, program = tmp_path / "once", tmp_path / "generators"
    # Two kernels are made at a time, and of two that make the same directory one succeeds.
    program.write_text(
        f'#!/bin/sh\n[ $# -gt 0 ] && mkdir {once} 2>&- && kill -9 $$\nexec {generators()} "$@"\n'
    )
    program.chmod(0o755)
    before = copy.records()
    done = copy.run(*SEARCH, MAKING, "--generators", str(program))
    assert done.returncode == 0, done.stderr
    assert once.exists()
    records = copy.records()
    assert before.items() <= records.items()
    failed = [r for r in records.values() if r["outcome"] == "build failed"]
    assert [("signal 9" in r["reason"], r["reason"][-1]) for r in failed] == [(True, ".")]
    assert not list((copy.folder / "kernels").glob("making-*"))


Mounted = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def mounted() -> Mounted:
    """Runs the tuner where a shell has mounted something, seen by nobody else."""

    def run(tuner: Tuner, mount: str, *arguments: str) -> subprocess.CompletedProcess:
        script = f'{mount} || exit 77; exec "$0" "$@"'
        command = ["unshare", "-rm", "sh", "-c", script, str(PROGRAM), *arguments]
        done = subprocess.run(command, env=tuner.environment, capture_output=True, text=True)
        if done.returncode == 77 or "unshare" in done.stderr:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        return done

    return run


def test_a_full_disk_ends_a_search_and_loses_nothing(
    tuned: Tuner, tmp_path: Path, mounted: Mounted
) -> None:
    """A disk of a few kilobytes more than the database needs, which is kept on it."""
    tuner = Tuner(tmp_path / "disk")
    tuner.folder.mkdir()
    size = sum(f.stat().st_size for f in tuned.folder.rglob("*") if f.is_file())
    out = tmp_path / "out"
    out.mkdir()
    mount = (
        f"mount -t tmpfs -o mode=700,size={size + 96 * 1024} tmpfs {tuner.folder} "
        f"&& cp -a {tuned.folder}/. {tuner.folder}"
    )
    keep = f'{mount} && {{ "$0" "$@"; status=$?; cp -a {tuner.folder}/. {out}; exit $status; }}'
    done = mounted(tuner, keep, *SEARCH, "60")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("convwright-tune: ")
    assert "space" in done.stderr.splitlines()[-1]
    after = Tuner(out)
    records = after.records()
    assert tuned.records().items() <= records.items()
    # No candidate is to blame for the disk.
    assert [r["reason"] for r in records.values() if r["outcome"] == "build failed"] == []
    assert after.run("db", "verify").returncode == 0


def test_a_read_only_cache_is_read_and_not_searched(copy: Tuner, mounted: Mounted) -> None:
    folder = copy.folder
    mount = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    done = mounted(copy, mount, *SEARCH, "5")
    assert "cannot be written" in sentence(done, 1)
    before = copy.records()
    assert len(before) == 4


@pytest.mark.parametrize(
    "arguments",
    [("db", "export", "/dev/full"), ("db", "export", "-"), ("export", "/dev/full"), ("db", "list")],
    ids=" ".join,
)
def test_output_that_cannot_be_written_is_a_failure(
    tuned: Tuner, arguments: tuple[str, ...]
) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [str(PROGRAM), *arguments],
            env=tuned.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr.splitlines()[-1]


def test_without_a_home_everything_else_works(tuned: Tuner, tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CONVWRIGHT_", "XDG_"))}
    kept.pop("HOME", None)
    command = [str(PROGRAM), "search", "--problem", PROBLEM, "--dry-run"]
    done = subprocess.run(command, env=kept, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    named = kept | {"CONVWRIGHT_DB": str(tuned.folder / "tuning.db")}
    command = [str(PROGRAM), "db", "show", PROBLEM]
    done = subprocess.run(command, env=named, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


HOSTILE = {
    "deep": "[" * 500_000 + "]" * 500_000,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "long": '"' + "a" * (2 << 20) + '"',
    "no text": bytes(range(256)).decode("latin1"),
    "numbers": '{"problem": 1e999, "phase": "x"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_is_refused_and_its_neighbours_are_taken(
    name: str, tuned: Tuner, tmp_path: Path
) -> None:
    header, *lines = tuned.run("db", "export", "-").stdout.splitlines()
    file = tmp_path / "records.jsonl"
    line = HOSTILE[name].replace("\n", " ")
    file.write_text("\n".join([header, *lines[:2], line, *lines[2:]]) + "\n", encoding="latin1")
    other = Tuner(tmp_path / "other")
    done = other.run("db", "import", str(file))
    assert done.returncode == 1
    assert done.stdout == f"{len(lines)} new, 0 were there already.\n"
    assert done.stderr.count("\n") == 1
    assert "line 4: " in done.stderr
    assert other.records() == tuned.records()


def test_a_file_of_problems_is_no_program(tuned: Tuner, tmp_path: Path) -> None:
    for text in ("$(touch ran)", "`touch ran`", "; touch ran", f"{PROBLEM} 1 $(touch ran)"):
        done = subprocess.run(
            [str(PROGRAM), "search", "--dry-run", "--problems", "-"],
            env=tuned.environment,
            cwd=tmp_path,
            input=text + "\n",
            capture_output=True,
            text=True,
        )
        sentence(done, 2)
    assert not (tmp_path / "ran").exists()


TUNE = """
import sys, torch, convwright
from convwright import tuning
layer = convwright.nn.Conv2d(8, 16, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
layer.requires_grad_(False)
x = torch.randn(1, 8, 9, 9).to(memory_format=torch.channels_last)
torch.testing.assert_close(layer(x), torch.nn.functional.conv2d(x, layer.weight, padding=1))
print(convwright.explain(layer, x).rows[0].schedule)
for line in torch.ops.convwright.tuned_status().splitlines():
    if line.startswith("notice"):
        print(line)
"""


def test_operators_run_beside_a_damaged_kernel_table_and_database(copy: Tuner) -> None:
    """Each fault by itself, in forks of one process; results are right, and a sentence is kept."""
    table = (copy.folder / "tuning.tuned").read_bytes()
    faults = {
        "sound": table,
        "cut off": table[: len(table) // 2],
        "damaged": table[:-3] + b"abc",
        "of a newer version": b"CWTUNED9" + table[8:],
        "empty": b"",
        "large": None,
        "a folder": None,
        "a pipe": None,
    }
    program = f"""
import os, pathlib, sys, torch
path = pathlib.Path({str(copy.folder / "tuning.tuned")!r})
program = {TUNE!r}
for name, content in {faults!r}.items():
    path.unlink(missing_ok=True)
    if name == "a folder": path.mkdir()
    elif name == "a pipe": os.mkfifo(path)
    elif name == "large": os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 40)
    else: path.write_bytes(content)
    print(f"== {{name}}", flush=True)
    if os.fork() == 0:
        exec(program, {{}})
        sys.stdout.flush()
        os._exit(0)
    assert os.wait()[1] == 0
    if path.is_dir(): path.rmdir()
"""
    (copy.folder / "tuning.db").write_bytes(b"\x00" * 5000)  # operators do not read it
    source = str(Path(sys.modules["convwright"].__file__).parents[1])
    environment = copy.environment | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = dict(part.split("\n", 1) for part in done.stdout.split("== ")[1:])
    assert said.keys() == faults.keys()
    for name, text in said.items():
        schedule, *notices = text.splitlines()
        assert "(tuned)" in schedule if name == "sound" else "(tuned)" not in schedule
        assert len(notices) == (0 if name == "sound" else 1), text
        assert all(n.endswith(".") and "tuning.tuned' " in n for n in notices), text


def test_tuning_repairs_a_damaged_database_and_says_so(copy: Tuner) -> None:
    database = copy.folder / "tuning.db"
    content = bytearray(database.read_bytes())
    content[:100] = b"Z" * 100
    exported = [json.loads(line) for line in copy.run("db", "export", "-").stdout.splitlines()[1:]]
    tried = {line["candidate"] for line in exported if "outcome" in line}
    chosen = {line["choice"] for line in exported if "choice" in line}
    database.write_bytes(content)
    before = set(copy.folder.iterdir())
    done = copy.run(*SEARCH, "4", "--json")
    assert done.returncode == 0, done.stderr
    assert "moved to" in done.stderr.splitlines()[0]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    trials = [(r["candidate"], r["known"]) for r in results if r["event"] == "result"]
    assert len(tried) == 4 and sorted(c for c, known in trials if known) == sorted(tried)
    # Where the default won the comparison without a trial of its own, it gets one now.
    assert {c for c, known in trials if not known} <= chosen - tried
    assert {p.name for p in set(copy.folder.iterdir()) - before} >= {"tuning.db.damaged-1"}
