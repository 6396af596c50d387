# SPDX-License-Identifier: Apache-2.0
"""convwright-tune compile, measure and collect: jobs that several workers share."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tune_program import PROBLEM, PROGRAM, Tuner, sentence

from convwright.cli import main, tuner_commands

TARGET = f"cpu:{torch.ops.convwright.isa()}"
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="convwright-tune was not built"),
    pytest.mark.skipif(
        torch.ops.convwright.isa() == "none", reason="there are no kernels for this CPU"
    ),
]


@pytest.fixture
def tuner(tmp_path: Path) -> Tuner:
    return Tuner(tmp_path / "cache")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of made jobs; tests only copy it."""
    folder = tmp_path_factory.mktemp("jobs") / "jobs"
    tuner = Tuner(folder.parent / "cache")
    done = tuner.run(
        *("compile", "--target", TARGET, "--problem", PROBLEM, "--jobs", str(folder)),
        *("--candidates", "5", "--workers", "2"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "5 jobs are new; 5 of 5 are made.\n"
    return folder


@pytest.fixture
def jobs(compiled: Path, tmp_path: Path) -> Path:
    """As if it was carried to another machine."""
    return Path(shutil.copytree(compiled, tmp_path / "jobs"))


def of_kernels(folder: Path, stage: str = "measure") -> list[Path]:
    """Jobs but those that PyTorch is compared in, which need a Python."""
    files = sorted((folder / stage).glob("*.json"))
    return [f for f in files if '"pytorch"' not in f.read_text()]


def without_pytorch(folder: Path) -> Path:
    for stage in ("make", "measure"):
        for file in set((folder / stage).glob("*.json")) - set(of_kernels(folder, stage)):
            file.unlink()
    return folder


def results(folder: Path) -> dict[str, dict]:
    """Records by candidate."""
    lines = [f.read_text().splitlines() for f in (folder / "results").glob("*.json")]
    assert all(len(two) == 2 for two in lines)
    records = [json.loads(two[1]) for two in lines]
    assert len({r["candidate"] for r in records}) == len(records)
    return {r["candidate"]: r for r in records}


def change(file: Path, **fields: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_what_is_made_here_is_measured_without_a_compiler(tuner: Tuner, jobs: Path) -> None:
    without_pytorch(jobs)
    count = len(of_kernels(jobs))
    done = tuner.run("measure", "--jobs", str(jobs), PATH="/nowhere")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{count} of {count} jobs are measured.\n"
    records = results(jobs)
    assert len(records) == count
    assert any(r["outcome"] in ("ok", "noisy") for r in records.values())
    assert {r["problem"] for r in records.values()} == {PROBLEM}
    done = tuner.run("collect", "--jobs", str(jobs))
    assert done.stdout == f"{count} new, 0 were there already.\n"
    assert tuner.run("collect", "--jobs", str(jobs)).stdout.startswith(f"0 new, {count} were")
    assert {c: r["seconds"] for c, r in tuner.records().items()} == {
        c: r["seconds"] for c, r in records.items()
    }
    # A search here goes on from what was collected.
    events = tuner.search("--trials", "4")
    known = {e["candidate"] for e in events if e["event"] == "result" and e["known"]}
    assert known
    assert known <= set(records)


def test_a_second_compile_goes_on_from_what_was_collected(tuner: Tuner, jobs: Path) -> None:
    before = {json.loads(f.read_text())["candidate"] for f in (jobs / "make").glob("*.json")}
    tuner.run("measure", "--jobs", str(jobs))
    tuner.run("collect", "--jobs", str(jobs))
    done = tuner.run(
        *("compile", "--target", TARGET, "--problem", PROBLEM, "--jobs", str(jobs)),
        *("--candidates", "2", "--workers", "1"),
    )
    assert done.stdout == "2 jobs are new; 7 of 7 are made.\n", done.stderr
    after = {json.loads(f.read_text())["candidate"] for f in (jobs / "make").glob("*.json")}
    assert len(after - before) == 2


def test_workers_share_a_folder(tuner: Tuner, jobs: Path) -> None:
    without_pytorch(jobs)
    command = [str(PROGRAM), "measure", "--jobs", str(jobs)]
    workers = [subprocess.Popen(command, env=tuner.environment) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert len(results(jobs)) == len(of_kernels(jobs))
    leases = [f.name for f in (jobs / "leases").iterdir() if f.name.split(".")[1] == "1"]
    names = {name.partition(".")[0] for name in leases}
    assert names == {f.stem for f in of_kernels(jobs)}


def test_the_job_of_a_killed_worker_is_taken_over(tuner: Tuner, jobs: Path) -> None:
    without_pytorch(jobs)
    command = [str(PROGRAM), "measure", "--jobs", str(jobs)]
    worker = subprocess.Popen(command, env=tuner.environment)
    while not any(f.name.endswith(".1.0") for f in (jobs / "leases").iterdir()):
        assert worker.poll() is None
        time.sleep(0.002)
    worker.kill()
    worker.wait()
    held = {f.name.partition(".")[0] for f in (jobs / "leases").glob("*.1.0")}
    open_ = held - {f.stem for f in (jobs / "results").glob("*.json")}
    done = tuner.run("measure", "--jobs", str(jobs))
    assert done.returncode == 0, done.stderr
    assert len(results(jobs)) == len(of_kernels(jobs))
    for name in open_:
        assert (jobs / "leases" / f"{name}.1.1").is_file()


def test_a_job_that_ends_its_workers_is_given_up(tuner: Tuner, jobs: Path) -> None:
    without_pytorch(jobs)
    fatal = of_kernels(jobs)[0]
    for holder in range(3):
        lease = jobs / "leases" / f"{fatal.stem}.1.{holder}"
        lease.write_text("1 another-machine/1/2\n")
        os.utime(lease, (1000, 1000))
    done = tuner.run("measure", "--jobs", str(jobs))
    assert done.returncode == 0, done.stderr
    record = results(jobs)[json.loads(fatal.read_text())["candidate"]]
    assert record["outcome"] == "crashed"
    assert record["reason"] == "Each of 3 workers died while it had this job."


def test_damaged_jobs_are_left_out_with_a_sentence_each(tuner: Tuner, jobs: Path) -> None:
    without_pytorch(jobs)
    first, second, *rest = of_kernels(jobs)
    first.write_text(first.read_text()[:40])
    change(second, convwright_job=2)
    done = tuner.run("measure", "--jobs", str(jobs))
    assert done.returncode == 1
    assert f"'{first}' is left out: it is cut off" in done.stderr
    assert f"'{second}' is left out: it is a job of another version than 1" in done.stderr
    assert done.stderr.count("\n") == 2
    assert {f.stem for f in (jobs / "results").iterdir()} == {f.stem for f in rest}


def test_kernels_that_were_changed_are_not_loaded(tuner: Tuner, jobs: Path) -> None:
    without_pytorch(jobs)
    for kernel in (jobs / "kernels").rglob("*.so"):
        kernel.write_bytes(kernel.read_bytes() + b"x")
    assert tuner.run("measure", "--jobs", str(jobs)).returncode == 0
    made = [r for r in results(jobs).values() if r["artifact"]]
    assert made
    for record in made:
        assert record["outcome"] == "launch failed"
        assert "is not the recorded one by its SHA-256" in record["reason"]


def test_jobs_of_another_version_are_left_out(tuner: Tuner, jobs: Path) -> None:
    for stage in ("make", "measure"):
        shutil.rmtree(jobs / stage)
        (jobs / stage).mkdir(mode=0o700)
    job = {
        **{"convwright_job": 1, "target": TARGET, "problem": PROBLEM, "phase": 0},
        **{"space": "0" * 16, "candidate": "conv2d.avx2/lane:0", "versions": "convwright=0"},
        **{"sha256": "", "images_sha256": ""},
    }
    about = [TARGET, PROBLEM, "0", "0" * 16, job["candidate"], "convwright=0"]
    file = jobs / "measure" / f"{fnv1a(chr(10).join(about)):016x}.json"
    file.write_text(json.dumps(job))
    done = tuner.run("measure", "--jobs", str(jobs))
    assert done.returncode == 1
    assert done.stderr.startswith("Jobs of convwright=0 are left out, for this is convwright=")
    assert done.stderr.count("\n") == 1


def fnv1a(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def test_damaged_results_change_nothing(tuner: Tuner, jobs: Path) -> None:
    without_pytorch(jobs)
    tuner.run("measure", "--jobs", str(jobs))
    first, second, *rest = sorted((jobs / "results").glob("*.json"))
    first.write_text(first.read_text()[:-30])
    second.write_text(
        second.read_text().replace('"convwright_records":1', '"convwright_records":2')
    )
    done = tuner.run("collect", "--jobs", str(jobs))
    assert done.returncode == 1
    assert f"'{first}', line 2" in done.stderr
    assert f"'{second}', line 1: the file is of another version" in done.stderr
    assert len(tuner.records()) == len(rest)


def test_folders_of_others_are_refused(tuner: Tuner, jobs: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    for command in ("measure", "collect", "compile"):
        done = tuner.run(command, "--jobs", nowhere)
        assert "There is no folder of jobs" in sentence(done, 1)
    (jobs / "kernels").chmod(0o777)
    assert "can be written by others" in sentence(tuner.run("measure", "--jobs", str(jobs)), 1)


def test_results_name_what_they_were_measured_with(tuner: Tuner, jobs: Path) -> None:
    for file in of_kernels(without_pytorch(jobs))[1:]:
        file.unlink()
    done = tuner.run("measure", "--jobs", str(jobs), "--threads", "2", "--torch", "1.2.3")
    assert done.returncode == 0, done.stderr
    (record,) = results(jobs).values()
    assert record["device"].endswith(";threads=2")
    assert record["versions"].endswith(";torch=1.2.3")


def test_jobs_of_a_cpu_are_not_timed_two_at_once(tuner: Tuner, jobs: Path) -> None:
    done = tuner.run("measure", "--jobs", str(jobs), "--workers", "2")
    assert "give at most --workers 1" in sentence(done, 2)
    assert not list((jobs / "results").iterdir())


def test_slurm_gets_a_script_that_a_shell_runs(tuner: Tuner, jobs: Path, tmp_path: Path) -> None:
    without_pytorch(jobs)
    odd = Path(shutil.move(jobs, tmp_path / "it's a folder"))
    done = tuner.run("measure", "--jobs", str(odd), "--launcher", "slurm", "--workers", "3")
    assert done.returncode == 0, done.stderr
    assert "#SBATCH --array=1-3\n" in done.stdout
    assert "--gres" not in done.stdout
    script = tmp_path / "script.sh"
    script.write_text(done.stdout)
    assert subprocess.run(["sh", script], env=tuner.environment).returncode == 0
    assert len(results(odd)) == len(of_kernels(odd))


def test_pytorch_is_timed_by_a_python(tuner: Tuner, jobs: Path, tmp_path: Path) -> None:
    for stage in ("make", "measure"):
        for file in of_kernels(jobs, stage):
            file.unlink()
    done = tuner.run("measure", "--jobs", str(jobs))
    assert done.returncode == 1
    assert "left to workers with --python" in done.stderr
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho \'{"pytorch": {"seconds": [0.002]}}\'\n')
    python.chmod(0o755)
    done = tuner.run("measure", "--jobs", str(jobs), "--python", str(python))
    assert done.returncode == 0, done.stderr
    assert results(jobs)["pytorch"]["seconds"] == 0.002


@pytest.mark.parametrize(
    "problem",
    [
        PROBLEM,
        PROBLEM.replace("f32", "bf16"),
        f"{PROBLEM}_mbm",
        f"wsum2d:{PROBLEM}".replace("fprop", "dgrad"),
        f"{PROBLEM}_exact_int8",
        f"{PROBLEM}_table16",
    ],
)
def test_candidates_for_gpus_are_made_without_one(
    tuner: Tuner, tmp_path: Path, problem: str
) -> None:
    folder = tmp_path / "jobs"
    done = tuner.run(
        *("compile", "--target", "cuda:sm_90", "--problem", problem, "--jobs", str(folder)),
        *("--candidates", "3", "--workers", "1"),
    )
    if "NVRTC" in "".join(f.read_text() for f in (folder / "measure").glob("*.json")):
        pytest.skip("there is no NVRTC")
    assert done.stdout == "3 jobs are new; 3 of 3 are made.\n", done.stderr
    jobs = [json.loads(f.read_text()) for f in (folder / "measure").glob("*.json")]
    made = [job for job in jobs if job["images_sha256"]]
    assert made or all("failure" in job or not job["sha256"] for job in jobs)
    assert len(list((folder / "kernels").rglob("*.images"))) == len(made)
    if not torch.cuda.is_available():
        done = tuner.run("measure", "--jobs", str(folder))
        assert done.returncode == 1
        assert done.stderr.startswith("Jobs for cuda:sm_90 are left to machines with a GPU: ")
        assert done.stderr.count("\n") == 1
        assert not list((folder / "results").iterdir())


def test_without_programs_nothing_is_written(tuner: Tuner, tmp_path: Path) -> None:
    command = ("compile", "--problem", PROBLEM, "--jobs", str(tmp_path / "jobs"), "--target")
    assert "No linker was found" in sentence(tuner.run(*command, TARGET, PATH="/nowhere"), 1)
    assert "No linker was found" in sentence(tuner.run(*command, "cuda:sm_90", PATH="/nowhere"), 1)
    done = tuner.run(*command, TARGET, "--generators", "/nowhere/generators")
    assert "'/nowhere/generators' is not a program" in sentence(done, 1)
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["compile", "--problem", PROBLEM], "--jobs is required"),
        (["compile", "--problem", PROBLEM, "--jobs", "x"], "Jobs are made for a --target"),
        (["compile", "--problem", "x", "--jobs", "x", "--target", TARGET], "problem"),
        (["compile", "--problem", PROBLEM, "--jobs", "x", "--target", "gpu"], "'gpu' is no target"),
        (["measure", "--jobs", "x", "--launcher", "pigeon"], "--launcher"),
        (["measure", "--jobs", "x", "--lease", "0"], "'0' is no number above 0."),
        (["search", "--problem", PROBLEM, "--device", "gpu"], "'gpu' is no device"),
        (["search", "--explain", "--problem", PROBLEM, "--device", "gpu"], "'gpu' is no device"),
        (["explain", PROBLEM, "--device", "gpu"], "'gpu' is no device"),
    ],
)
def test_usage(tuner: Tuner, arguments: list[str], part: str) -> None:
    assert part in sentence(tuner.run(*arguments), 2)
    assert not Path("x").exists()


@pytest.mark.parametrize("command", ["compile", "measure", "collect"])
def test_python_has_the_same_commands(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    assert main([command, "--jobs", str(tmp_path / "nowhere")]) == 1
    assert "There is no folder of jobs" in capfd.readouterr().err
    assert main([command, "--no-such-option"]) == 2


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ([], ["--python", sys.executable, "--torch", torch.__version__]),
        (["--python=other"], ["--python=other"]),
        (["--torch", "1", "--python", "other"], ["--torch", "1", "--python", "other"]),
    ],
)
def test_python_names_itself_where_no_other_is_named(
    given: list[str],
    passed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
) -> None:
    program = tmp_path / "convwright-tune"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(tuner_commands, "find_tuner", lambda: program)
    assert main(["measure", "--jobs", "x", *given]) == 0
    assert capfd.readouterr().out.splitlines() == ["measure", "--jobs", "x", *passed]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_search_on_a_gpu_that_is_not_there(tuner: Tuner) -> None:
    done = tuner.run("search", "--problem", PROBLEM, "--device", "cuda")
    assert "GPU" in sentence(done, 1) or "libcuda" in done.stderr


def test_without_ray_the_launcher_says_so(tuner: Tuner, jobs: Path, tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError\n")
    package = Path(sys.modules["convwright"].__file__).resolve().parents[1]
    done = tuner.run(
        *("measure", "--jobs", str(jobs), "--launcher", "ray", "--python", sys.executable),
        PYTHONPATH=f"{tmp_path}{os.pathsep}{package}",
    )
    assert done.returncode == 1
    assert "Ray is not installed for this Python: install the package ray" in done.stderr


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_workers_on_a_ray_cluster(
    tuner: Tuner, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pytorch(jobs)
    package = Path(sys.modules["convwright"].__file__).resolve().parents[1]
    # Its token lies in the home folder, and the tuner has another one here.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    cluster = ray.init(num_cpus=2, include_dashboard=False)
    try:
        done = tuner.run(
            *("measure", "--jobs", str(jobs), "--launcher", "ray", "--python", sys.executable),
            *("--workers", "2"),
            PYTHONPATH=str(package),
            RAY_AUTH_MODE="disabled",
            RAY_ADDRESS=cluster.address_info["gcs_address"],
        )
    finally:
        ray.shutdown()
    assert done.returncode == 0, done.stderr
    assert len(results(jobs)) == len(of_kernels(jobs))
