# SPDX-License-Identifier: Apache-2.0
"""convwright-tune for a GPU of a fake driver, which launches nothing, with a script for Python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tune_program import PROBLEM, PROGRAM, Tuner

import convwright
from convwright import _library

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


STEP = f"wsum2d:{PROBLEM}".replace("fprop", "step")


def test_a_step_has_its_gradients_and_its_kinds(tuner: Tuner) -> None:
    lines = f"{STEP} 2 unfused\ndwsep2d:{PROBLEM}\n{PROBLEM} 3\n"
    search = ("search", "--dry-run", "--device", "cuda", "--problems", "-")
    done = tuner.run(*search, input=lines)
    assert (done.returncode, done.stderr) == (0, "")
    tasks = [line.partition(":  ")[0] for line in done.stdout.splitlines() if line[0] != " "]
    names = [line.rpartition(": ")[0].removesuffix(" pass 0") for line in tasks]
    assert names[:2] == [PROBLEM, STEP.replace("step", "dgrad")]
    assert set(names[2:]) == {STEP, f"dwsep2d:{PROBLEM}"}


def test_an_algorithm_may_be_chosen_for_a_step(tuner: Tuner, tmp_path: Path) -> None:
    times = {"unfused": 3e-3, "composed": 2e-3, "fused": 4e-3, "pytorch": 5e-3}
    answer = json.dumps({name: {"seconds": [t] * 11} for name, t in times.items()})
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat > {tmp_path}/job\necho '{answer}'\n")
    python.chmod(0o755)
    search = ("search", "--device", "cuda", "--problems", "-", "--json", "--trials", "1")
    done = tuner.run(*search, "--python", str(python), input=f"{STEP} 1 unfused\n")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    choices = {e["problem"]: e for e in events if e["event"] == "choice"}
    assert choices[STEP]["candidate"] == "composed"
    assert choices[STEP]["finals"]["default"]["candidate"] == "unfused"
    job = json.loads((tmp_path / "job").read_text())
    assert (job["problem"], job["device"]) == (STEP, "cuda:0")
    assert {c["candidate"] for c in job["contestants"]} >= {"composed", "unfused", "pytorch"}
    # Operators on that GPU take it, those of CPUs do not.
    program = (
        "import torch; from convwright import _library; _library.load(); "
        "kind = torch.ops.convwright.tuned_kind; "
        f"print([kind('{STEP}', 0), kind('{STEP}')])"
    )
    package = {"PYTHONPATH": str(Path(convwright.__file__).parents[1])}
    child = subprocess.run(
        [sys.executable, "-c", program],
        env=tuner.environment | package | {"CONVWRIGHT_LIBRARY": str(_library.find())},
        capture_output=True,
        text=True,
    )
    assert child.stdout == "['composed (tuned)', '']\n", child.stderr


def test_explain_says_what_a_kernel_needs_of_the_gpu(tuner: Tuner, tmp_path: Path) -> None:
    untuned = tuner.run("explain", PROBLEM, "--device", "cuda")
    assert untuned.returncode == 0, untuned.stderr
    assert "not tuned on this device; without tuning runs conv2d.cuda/" in untuned.stdout
    assert not tuner.folder.exists()
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat > {tmp_path}/job\necho '{json.dumps(TIMES)}'\n")
    python.chmod(0o755)
    assert tuner.run("search", *search(), "--python", str(python)).returncode == 0
    tuned = tuner.run("search", "--explain", "--problem", PROBLEM, "--device", "cuda")
    for part in (GPU, "chosen: pytorch, 1 ms", "side by side:", "trials: ", "not legal: "):
        assert part in tuned.stdout
