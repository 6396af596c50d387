# SPDX-License-Identifier: Apache-2.0
"""convwright-tune for a GPU of a fake driver, which launches nothing, with a script for Python."""

import json
from pathlib import Path

import pytest
from tune_program import PROBLEM, PROGRAM, Tuner

BUILD = PROGRAM.parents[1] if PROGRAM else Path()
DRIVER = BUILD / "tests" / "runtime" / "cuda" / "fake_libcuda"
GPU = "gpu/Fake GPU/sms=132"
STRIDED = "dgrad_n1ci8ih8iw8co16kh3kw3s2p1_f32_nhwc"
TIMES = {"pytorch": {"seconds": [1e-3] * 11}, "passes": {"seconds": [3e-3] * 11}}

pytestmark = pytest.mark.skipif(
    not (DRIVER / "libcuda.so.1").is_file(), reason="the build's tests were not built"
)


@pytest.fixture
def tuner(tmp_path: Path) -> Tuner:
    tuner = Tuner(tmp_path / "cache")
    tuner.environment["LD_LIBRARY_PATH"] = str(DRIVER)
    if not tuner.run("search", "--dry-run", *search()).stdout:
        pytest.skip("the library has no CUDA kernels")
    return tuner


def search(problem: str = PROBLEM) -> tuple[str, ...]:
    return ("--device", "cuda", "--problem", problem, "--trials", "2", "--json")


def test_pytorch_is_compared_and_chosen_for_the_gpu(tuner: Tuner, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat > {tmp_path}/job\necho '{json.dumps(TIMES)}'\n")
    python.chmod(0o755)
    done = tuner.run("search", *search(), "--python", str(python))
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    tried = {e["candidate"]: e["outcome"] for e in events if e["event"] == "result"}
    assert tried.pop("pytorch") == "ok"
    assert tried
    assert "ok" not in tried.values()  # the driver launches nothing
    (choice,) = (event for event in events if event["event"] == "choice")
    assert choice["candidate"] == "pytorch"
    assert choice["seconds"] == 1e-3
    job = json.loads((tmp_path / "job").read_text())
    assert (job["problem"], job["phase"], job["device"]) == (PROBLEM, 0, "cuda:0")
    assert job["flush_bytes"] > 0
    contestants = {contestant["candidate"] for contestant in job["contestants"]}
    assert contestants > {"pytorch"}  # beside what runs without tuning

    assert GPU in tuner.run("db", "show", PROBLEM).stdout
    table = tuner.run("export", "-")
    assert table.returncode == 0, table.stderr
    row = table.stdout.splitlines()[-1].split(" ", 4)
    assert [row[0], row[1], row[2], row[4]] == [PROBLEM, "0", "pytorch", GPU]


def test_without_python_a_problem_is_left(tuner: Tuner) -> None:
    done = tuner.run("search", *search())
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["problem"]) == ("left", PROBLEM)


def test_all_passes_of_a_gradient_are_a_task_behind_them(tuner: Tuner) -> None:
    done = tuner.run("search", "--dry-run", *search(STRIDED))
    assert done.returncode == 0, done.stderr
    tasks = [line.partition(":  ")[0] for line in done.stdout.splitlines() if line[0] != " "]
    names = [line.rpartition(": ")[0] for line in tasks]
    assert set(names[:-1]) == {f"{STRIDED} pass {phase}" for phase in range(4)}
    assert names[-1] == f"{STRIDED} pass -1"
    assert "passes" in done.stdout.partition(" pass -1: ")[2]
