# SPDX-License-Identifier: Apache-2.0
"""The program convwright-tune, as a user runs it."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tune_program import PROBLEM, PROGRAM, Tuner, sentence

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="convwright-tune was not built")


@pytest.fixture
def tuner(tmp_path: Path) -> Tuner:
    return Tuner(tmp_path / "cache")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    """After one small search; tests only read it."""
    tuner = Tuner(tmp_path_factory.mktemp("tuned") / "cache")
    events = tuner.search("--trials", "4")
    if not any(event["event"] == "choice" for event in events):
        pytest.skip("there are no kernels for this CPU")
    return tuner


def test_a_second_search_measures_nothing_again_and_says_so(tuned: Tuner) -> None:
    before = tuned.records()
    assert len(before) == 4
    done = tuned.run("search", "--problem", PROBLEM, "--trials", "4")
    assert done.returncode == 0
    assert "4 of 4 results were known." in done.stderr
    assert done.stdout.startswith(f"{PROBLEM}\t")
    events = tuned.search("--trials", "4")
    results = [event for event in events if event["event"] == "result"]
    assert [event["known"] for event in results] == [True] * 4
    assert {event["candidate"] for event in results} == set(before)
    assert tuned.records() == before
    assert (tuned.folder / "tuning.tuned").is_file()


@pytest.mark.parametrize("other", [("--threads", "2"), ("--torch", "1.2.3+local")])
def test_times_of_other_threads_or_another_pytorch_are_measured_again(
    tuned: Tuner, tmp_path: Path, other: tuple[str, str]
) -> None:
    tuner = Tuner(Path(shutil.copytree(tuned.folder, tmp_path / "cache")))
    results = [e for e in tuner.search("--trials", "2", *other) if e["event"] == "result"]
    assert results
    assert not any(event["known"] for event in results)
    again = [e for e in tuner.search("--trials", "2", *other) if e["event"] == "result"]
    assert all(event["known"] for event in again)
    # What was chosen for either of them answers at run time.
    rows = tuner.run("export", "-").stdout.splitlines()
    assert sum(row.startswith(PROBLEM) for row in rows) == 1
    assert "is no version" in sentence(tuner.run("search", "--torch", "a;b=c"), 2)


def test_records_that_name_no_threads_are_those_of_another_environment(
    tuned: Tuner, tmp_path: Path
) -> None:
    old = tuned.run("db", "export", "-").stdout.replace(";threads=1", "")
    (tmp_path / "old.jsonl").write_text(old)
    tuner = Tuner(tmp_path / "cache")
    assert tuner.run("db", "import", str(tmp_path / "old.jsonl")).stdout.startswith("5 new")
    before = [record for record in tuner.records().values() if record["outcome"] == "ok"]
    fastest = min(before, key=lambda record: record["seconds"])
    tried = [e for e in tuner.search("--trials", "1") if e["event"] == "result"]
    assert not any(event["known"] for event in tried)
    # What was good before comes first; what was chosen may be the default, which needs no trial.
    assert [event["candidate"] for event in tried] == [fastest["candidate"]]


def test_the_budget_holds_for_all_problems(tuner: Tuner) -> None:
    lines = "".join(f"fprop_n1ci{ci}ih9iw9co16kh3kw3s1p1_f32_nhwc\n" for ci in (4, 8, 12, 16))
    start = time.monotonic()
    done = tuner.run("search", "--problems", "-", "--budget", "4", "--json", input=lines)
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] in ("task", "left")
    # The first problem's least time would be more than this, and the others have none.
    assert [event["event"] for event in events[-3:]] == ["left"] * 3
    assert seconds < 4 + 8, "one trial and a comparison on a busy machine"


def test_what_was_chosen_before_is_not_taken_for_the_default(tuned: Tuner) -> None:
    def default(mode: str) -> str:
        done = tuned.run(
            *("search", "--problem", PROBLEM, "--trials", "4", "--json"), CONVWRIGHT_TUNE=mode
        )
        finals = json.loads(done.stdout.splitlines()[-1])["finals"]
        # Named once, by the first of its roles.
        return next(
            finals[role]["candidate"]
            for role in ("default", "incumbent", "winner")
            if role in finals
        )

    assert default("off") == default("cached")


def test_kills_lose_nothing(tuner: Tuner, tuned: Tuner) -> None:
    command = [str(PROGRAM), "search", "--problem", PROBLEM, "--budget", "30", "--trials", "5"]
    acknowledged: set[str] = set()
    moments = random.Random(os.urandom(4))
    for _ in range(3):
        process = subprocess.Popen(
            [*command, "--json"], env=tuner.environment, stdout=subprocess.PIPE, text=True
        )
        time.sleep(moments.uniform(0.1, 2))
        process.kill()
        output = process.communicate()[0]
        for line in output.splitlines(keepends=True):
            event = json.loads(line) if line.endswith("\n") else {}
            if event.get("event") == "result":
                acknowledged.add(event["candidate"])
        assert acknowledged <= set(tuner.records())
    done = subprocess.run(command, env=tuner.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    records = tuner.records()
    assert acknowledged <= set(records)
    assert len(records) == 5
    # The order of trials follows their times; the first ones follow the prediction alone.
    assert set(tuned.records()) <= set(records)
    assert tuner.run("db", "verify").stdout == "Nothing is wrong with it.\n"
    if acknowledged:
        assert "results were known." in done.stderr


def test_databases_are_listed_exported_imported_and_merged(tuned: Tuner, tmp_path: Path) -> None:
    listed = tuned.run("db", "list").stdout
    assert listed.startswith(f"{PROBLEM}\tpass 0\t4 trials, ")
    assert listed.count("\n") == 1
    file = tmp_path / "records.jsonl"
    assert tuned.run("db", "export", str(file)).returncode == 0
    other = Tuner(tmp_path / "other")
    assert other.run("db", "import", str(file)).stdout.startswith("5 new, 0 were there")
    assert other.run("db", "import", str(file)).stdout.startswith("0 new, 5 were there")
    assert other.records() == tuned.records()
    third = Tuner(tmp_path / "third")
    database = str(tuned.folder / "tuning.db")
    assert third.run("db", "merge", database).stdout.startswith("5 new, 0 were there")
    assert third.records() == tuned.records()
    failed = [r for r in third.records().values() if r["outcome"] not in ("ok", "noisy")]
    assert third.run("db", "prune").stdout == f"{len(failed)} records are gone.\n"
    assert len(third.records()) == 4 - len(failed)
    assert third.run("db", "verify").returncode == 0
    assert "cannot be written" in sentence(tuned.run("db", "export", "/nowhere/x"), 1)
    file.write_text(file.read_text() + "nonsense\n")
    done = other.run("db", "import", str(file))
    assert done.returncode == 1
    assert "line 7" in done.stderr


def test_dry_run(tuner: Tuner) -> None:
    done = tuner.run("search", "--dry-run", "--problems", "-", input=f"# one\n{PROBLEM} 3\n\n")
    assert done.returncode == 0, done.stderr
    assert "legal candidates of" in done.stdout
    assert "  rejected " in done.stdout
    assert not tuner.folder.exists()


def test_what_is_made_of_others_comes_after_them(tuner: Tuner) -> None:
    sizes = "n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"
    strided = "dgrad_n1ci8ih9iw9co16kh3kw3s2p1_f32_nhwc"
    lines = f"wsum2d:step_{sizes} 2 unfused\ndwsep2d:fprop_{sizes}\n{strided}\n{PROBLEM} 3\n"
    done = tuner.run("search", "--dry-run", "--problems", "-", input=lines)
    assert done.returncode == 0, done.stderr
    tasks = [line.partition(":  ")[0] for line in done.stdout.splitlines() if line[0] != " "]
    names = [line.rpartition(": ")[0] for line in tasks]
    assert set(names[:-3]) == {f"{PROBLEM} pass 0", *(f"{strided} pass {i}" for i in range(4))}
    assert names[-3] == f"{strided} pass -1"
    assert set(names[-2:]) == {f"wsum2d:step_{sizes} pass 0", f"dwsep2d:fprop_{sizes} pass 0"}


def test_gradients_that_gpus_fuse_are_no_problem_of_cpus(tuner: Tuner) -> None:
    problem = f"wsum2d:{PROBLEM}".replace("fprop", "dgrad")
    done = tuner.run("search", "--dry-run", "--problem", problem, "--problem", PROBLEM)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"{problem}: one kernel computes them on GPUs alone")
    assert done.stderr.count("\n") == 1
    assert done.stdout.startswith(f"{PROBLEM} pass 0")


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (PROBLEM, "unfused"),
        ("wsum2d:" + PROBLEM, "pytorch"),
        ("dwsep2d:" + PROBLEM, "fused"),
        ("wsum2d:" + PROBLEM.replace("fprop", "dgrad"), "fused"),
    ],
)
def test_lines_with_a_wrong_kind(tuner: Tuner, problem: str, kind: str) -> None:
    done = tuner.run("search", "--problems", "-", "--dry-run", input=f"{problem} 1 {kind}\n")
    assert "unfused, composed or fused" in sentence(done, 2)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["search"], "There is no problem to tune"),
        (["search", "--problem", "wsum2d:wgrad_x"], "behind the operator stands fprop, or step"),
        (["search", "--problems", "-"], "There is no problem to tune"),
        (["search", "--problem", "nonsense"], "expected fprop, dgrad or wgrad"),
        (["search", "--problems", "/nowhere/problems"], "'/nowhere/problems' cannot be read."),
        (["search", "--problem", PROBLEM, "--budget", "0"], "'0' is no number above 0."),
        (["search", "--problem", PROBLEM, "--budget", "nan"], "'nan' is no number above 0."),
        (["search", "--problem", PROBLEM, "--trials", "-1"], "'-1' is no number above 0."),
        (["search", "--no-such-option"], "--no-such-option"),
        ([], "A subcommand is required"),
        (["db", "import", "/nowhere/records"], "'/nowhere/records' cannot be read."),
        (["db", "merge", "/nowhere/tuning.db"], "'/nowhere/tuning.db' cannot be read."),
        (["worker"], "This is no job of the measuring process"),
    ],
)
def test_usage(tuner: Tuner, arguments: list[str], part: str) -> None:
    assert part in sentence(tuner.run(*arguments), 2)


@pytest.mark.parametrize("count", ["x", "0", "-1", "nan"])
def test_lines_with_a_wrong_count(tuner: Tuner, count: str) -> None:
    done = tuner.run("search", "--problems", "-", "--dry-run", input=f"{PROBLEM} {count}\n")
    assert "how often it occurs" in sentence(done, 2)


def test_without_a_place_for_the_database(tuner: Tuner) -> None:
    nowhere = {"CONVWRIGHT_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": ""}
    assert "set CONVWRIGHT_DB or HOME" in sentence(tuner.run("db", "list", **nowhere), 2)
    database = str(tuner.folder / "tuning.db")
    done = tuner.run("--db", database, "db", "list", **nowhere)
    assert f"There is no tuning database '{database}' yet" in sentence(done, 1)
    done = tuner.run("search", "--problem", PROBLEM, **nowhere, CONVWRIGHT_DB=database)
    assert "set CONVWRIGHT_CACHE_DIR or HOME" in sentence(done, 2)


@pytest.mark.parametrize("command", [["list"], ["verify"], ["prune"], ["export", "-"]])
def test_reading_makes_no_database(tuner: Tuner, command: list[str]) -> None:
    assert "There is no tuning database" in sentence(tuner.run("db", *command), 1)
    assert not tuner.folder.exists()


def test_what_is_known_of_a_problem(tuned: Tuner) -> None:
    shown = tuned.run("db", "show", PROBLEM).stdout
    assert shown.startswith(f"{PROBLEM} pass 0\n  on cpu/")
    for candidate, record in tuned.records().items():
        assert f"\n    {candidate}\n" in shown
        assert record["outcome"] in shown
    assert tuned.run("db", "show", PROBLEM, "--phase", "0").stdout == shown
    assert "Nothing was recorded" in sentence(tuned.run("db", "show", PROBLEM, "--phase", "-1"), 1)
    assert "no kernel" not in sentence(tuned.run("db", "show", "nonsense"), 2)


def test_explain_says_why_the_choice_won(tuned: Tuner, tuner: Tuner) -> None:
    chosen = tuned.run("db", "list").stdout.split("\t")[-1].strip()
    text = tuned.run("explain", PROBLEM).stdout
    assert f"chosen: {chosen}, " in text
    trials = f"trials: {len(tuned.records())}, "
    for part in ("side by side:", "FLOP/s", "neighbours", trials, "not legal: "):
        assert part in text
    assert tuned.run("search", "--explain", "--problem", PROBLEM).stdout == text
    # Of what was never tuned it says what runs, and makes no database.
    assert "not tuned on this device" in tuner.run("explain", PROBLEM).stdout
    assert not tuner.folder.exists()
    assert "expected fprop" in sentence(tuned.run("explain", "nonsense"), 2)


RECORDING = Path(__file__).with_name("recordings") / "conv2d_avx2.jsonl"


def replay(tuner: Tuner, *more: str) -> list[dict]:
    done = tuner.run("search", "--replay", str(RECORDING), "--trials", "16", "--json", *more)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_replay_needs_no_device_and_follows_its_seed(tuner: Tuner, tmp_path: Path) -> None:
    recorded = {
        r["candidate"]: r
        for r in map(json.loads, RECORDING.read_text().splitlines())
        if "candidate" in r
    }
    events = replay(tuner, "--seed", "3")
    tried = [event for event in events if event["event"] == "result"]
    assert len(tried) == 16
    for event in tried:
        trial = recorded.get(event["candidate"], {})
        assert event["seconds"] == trial.get("seconds", 0)
    best = min(event["seconds"] for event in tried if event["outcome"] == "ok")
    assert events[-1]["event"] == "choice"
    assert events[-1]["seconds"] == best
    assert replay(tuner, "--seed", "3") == events
    assert [e.get("candidate") for e in replay(tuner, "--seed", "4")] != [
        e.get("candidate") for e in events
    ]
    assert not tuner.folder.exists()
    # Kept where it is said, and gone on with.
    own = tmp_path / "own.db"
    for known in (False, True):
        done = tuner.run(
            *("--db", str(own), "search", "--replay", str(RECORDING), "--trials", "16", "--json")
        )
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert {e["known"] for e in results if e["event"] == "result"} == {known}
    assert "The fastest of " in tuner.run("search", "--replay", str(RECORDING)).stderr
    both = ("search", "--replay", str(RECORDING), "--problem", PROBLEM)
    assert "leave out --problem" in sentence(tuner.run(*both), 2)
    assert "cannot be read" in sentence(tuner.run("search", "--replay", "/nowhere/x"), 2)


def test_a_shipped_database_answers_behind_the_users_and_stays_as_it_is(
    tuned: Tuner, tuner: Tuner, tmp_path: Path
) -> None:
    shipped = tmp_path / "shipped.db"
    assert tuner.run("--db", str(shipped), "db", "merge", str(tuned.folder / "tuning.db")).stdout
    before = shipped.read_bytes()
    done = tuner.run(
        *("--shipped", str(shipped), "search", "--problem", PROBLEM, "--trials", "4", "--json")
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["known"] for e in events if e["event"] == "result"] == [True] * 4
    assert tuner.records() == {}
    assert events[-1]["event"] == "choice"
    assert shipped.read_bytes() == before
    assert "/nowhere/x" in sentence(tuner.run("--shipped", "/nowhere/x", "db", "list"), 2)


def test_prune(tuned: Tuner, tmp_path: Path) -> None:
    def pruned(*options: str) -> tuple[str, int]:
        folder = tmp_path / "-".join(["of", *options])
        tuner = Tuner(Path(shutil.copytree(tuned.folder, folder)))
        done = tuner.run("db", "prune", *options)
        assert done.returncode == 0, done.stderr
        return done.stdout, len(tuner.records())

    assert pruned("--failures") == pruned()
    assert pruned("--older-than", "1") == ("0 records are gone.\n", 4)
    assert pruned("--other-versions") == ("0 records and choices are gone.\n", 4)
    text, left = pruned("--keep", "1")
    assert text == f"{4 - left} records are gone.\n"
    assert left in (1, 2)  # the fastest trial and, if it is another, what was chosen
    for option in ("--keep", "--older-than"):
        assert "above 0" in sentence(tuned.run("db", "prune", option, "0"), 2)


def test_what_other_versions_chose_answers_no_longer_when_it_is_pruned(
    tuned: Tuner, tmp_path: Path
) -> None:
    records = tuned.run("db", "export", "-").stdout
    file = tmp_path / "records.jsonl"
    file.write_text(records.replace('"convwright=', '"convwright=0'))
    other = Tuner(tmp_path / "other")
    assert other.run("db", "import", str(file)).stdout == "5 new, 0 were there already.\n"
    assert PROBLEM.encode() in (other.folder / "tuning.tuned").read_bytes()
    assert other.run("db", "prune", "--other-versions").stdout.startswith("5 records and choices")
    assert PROBLEM.encode() not in (other.folder / "tuning.tuned").read_bytes()


def test_export_writes_a_table_of_the_choices(tuned: Tuner, tuner: Tuner, tmp_path: Path) -> None:
    done = tuned.run("export", "-")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "convwright choices 1"
    rows = [line.split(" ", 4) for line in lines[1:] if not line.startswith(("#", "defaults "))]
    assert [row[:2] for row in rows] == [[PROBLEM, "0"]]
    assert rows[0][4].startswith("cpu/")
    assert "1 choices by " in done.stderr
    file = tmp_path / "table.txt"
    assert tuned.run("export", str(file), "--within", "0").returncode == 0
    assert file.read_text().splitlines()[0] == lines[0]
    assert "cannot be written" in sentence(tuned.run("export", "/nowhere/x"), 1)
    assert "--within" in sentence(tuned.run("export", "-", "--within", "-1"), 2)
    assert "There is no tuning database" in sentence(tuner.run("export", "-"), 1)


def test_a_damaged_table_is_written_anew(tuned: Tuner, tmp_path: Path) -> None:
    other = Tuner(tmp_path / "other")
    assert other.run("db", "merge", str(tuned.folder / "tuning.db")).returncode == 0
    table = other.folder / "tuning.tuned"
    sound = table.read_bytes()  # a merge publishes
    table.write_bytes(sound[:-1])
    assert "is written anew" in other.run("db", "verify").stdout
    assert table.read_bytes() == sound


def test_failures(tuner: Tuner, tmp_path: Path) -> None:
    search = ("search", "--problem", PROBLEM)
    # Not even root can make a folder there.
    done = tuner.run(*search, CONVWRIGHT_CACHE_DIR="/proc/nowhere")
    assert "'/proc/nowhere/kernels' cannot be made" in sentence(done, 1)
    (tmp_path / "empty").touch()
    done = tuner.run("db", "import", str(tmp_path / "empty"), CONVWRIGHT_CACHE_DIR="/proc/nowhere")
    assert "/proc/nowhere" in sentence(done, 1)
    done = tuner.run(*search, PATH=str(tmp_path))
    assert "No linker was found" in sentence(done, 1)
    done = tuner.run(*search, "--generators", "/nowhere/generators")
    assert "'/nowhere/generators' is not a program" in sentence(done, 1)
    (tmp_path / "letter").write_text("Dear reader, " * 1000)
    done = tuner.run("--db", str(tmp_path / "letter"), "db", "list")
    assert "letter" in sentence(done, 1)
    assert (tmp_path / "letter").read_text().startswith("Dear reader")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_cache_folder(tuner: Tuner) -> None:
    tuner.folder.mkdir()
    tuner.folder.chmod(0o500)
    assert "cannot be made" in sentence(tuner.run("search", "--problem", PROBLEM), 1)


def test_kernels_are_not_kept_where_others_may_write(tuner: Tuner) -> None:
    kernels = tuner.folder / "kernels"
    kernels.mkdir(parents=True)
    kernels.chmod(0o777)
    done = tuner.run("search", "--problem", PROBLEM, "--trials", "1")
    assert "can be written by others" in sentence(done, 1)


def test_a_python_without_pytorch_does_not_end_the_search(tuned: Tuner, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho there is no PyTorch >&2\nexit 1\n")
    python.chmod(0o755)
    assert sys.executable
    events = tuned.search("--trials", "4", "--python", str(python))
    assert events[-1]["event"] == "choice"
    assert "pytorch" not in events[-1]["finals"]
    # The search before had no Python at all.
    again, apart = (event["notice"] for event in events if event["event"] == "notice")
    assert again == "PyTorch could not be timed before; it is tried again."
    assert apart.endswith("the Python process ended with status 1: there is no PyTorch.")
    assert events[-1]["reason"].endswith(apart)


def test_pytorch_that_could_not_be_timed_is_tried_again(tuner: Tuner, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    for times in range(2):
        events = tuner.search("--trials", "2", "--python", str(python))
        tried = [event for event in events if event.get("candidate") == "pytorch"]
        assert tried[0]["outcome"] == "launch failed"
        assert not tried[0]["known"]
        notices = [event["notice"] for event in events if event["event"] == "notice"]
        again = "PyTorch could not be timed before; it is tried again."
        assert notices[:-1] == [again] * times
        assert "each in a process of its own" in notices[-1]


def test_a_problem_without_a_choice_is_named_with_the_reason(tuner: Tuner) -> None:
    problem = PROBLEM.replace("fprop", "wsum2d:step")
    done = tuner.run("search", "--problem", problem, "--json")  # without a Python
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["problem"]) == ("left", problem)
    assert last["reason"].endswith("the last one: There is no Python with PyTorch to compare with.")
    assert f"{problem}: None of its " in tuner.run("search", "--problem", problem).stderr
