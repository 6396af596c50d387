# SPDX-License-Identifier: Apache-2.0
"""convwright.tuning: problems of a model, searches, and what is used afterwards."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
import torch
from torch import nn
from tuning_child import in_child, needs_kernels, needs_tuner

import convwright
from convwright import _choices, _comparison, _library, _subjects, check, tuning
from convwright._choices import FASTER, FASTER_STEP
from convwright.cli import main

PROBLEM = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"


@pytest.fixture
def choose() -> Iterator:
    """torch.ops.convwright.choose, undone at the end."""
    chosen = set()

    def do(problem: str, candidate: str, artifact: str = "") -> None:
        torch.ops.convwright.choose(problem, 0, candidate, artifact)
        chosen.add(problem)

    yield do
    for problem in chosen:
        torch.ops.convwright.choose(problem, 0, "", "")


def last_candidate(problem: str) -> tuple[str, str]:
    """Name and candidate text of a shipped kernel that the cost model does not take."""
    name, schedule, isa = check.kernels(problem)[-1]
    return name, f"conv2d.{isa}/{schedule}"


def model() -> nn.Sequential:
    return nn.Sequential(
        convwright.nn.Conv2d(4, 8, 3, padding=1, bias=False),
        convwright.nn.Conv2d(8, 8, 3, padding=1, bias=False),
        convwright.nn.Conv2d(8, 8, 3, padding=1, bias=False),
        nn.Conv2d(8, 2, 1),
    )


@needs_kernels
def test_problems_of_a_model() -> None:
    inputs = (torch.randn(2, 4, 6, 6),)
    end = "kh3kw3s1p1_f32_nchw"
    assert tuning.problems_of(model(), inputs) == {
        f"fprop_n2ci4ih6iw6co8{end}": 1,
        f"fprop_n2ci8ih6iw6co8{end}": 2,
    }
    trained = tuning.problems_of(model(), inputs, train=True)
    assert Counter({text.partition("_")[0]: 0 for text in trained}).keys() == {
        "fprop",
        "dgrad",
        "wgrad",
    }
    assert trained[f"dgrad_n2ci8ih6iw6co8{end}"] == 2
    assert f"dgrad_n2ci4ih6iw6co8{end}" not in trained  # the input needs no gradient
    assert sum(trained.values()) == 8


def test_other_kernels_are_not_searched() -> None:
    net = convwright.nn.Conv2d(4, 4, 3).double()
    assert not tuning.problems_of(net, (torch.randn(1, 4, 8, 8).double(),), train=True)


@needs_kernels
def test_what_pytorch_was_chosen_for_may_be_tuned_again(choose) -> None:
    problem = "fprop_n2ci4ih6iw6co8kh3kw3s1p1_f32_nchw"
    choose(problem, "pytorch")
    rows = convwright.explain(model().requires_grad_(False), torch.randn(2, 4, 6, 6)).rows
    assert (rows[0].kernel, rows[0].reason) == ("PyTorch", FASTER)
    assert problem in tuning.problems_of(model(), (torch.randn(2, 4, 6, 6),))


@needs_kernels
def test_explain_shows_what_was_tuned(choose) -> None:
    problem = "fprop_n2ci4ih6iw6co8kh3kw3s1p1_f32_nchw"
    layer, input = model()[0].requires_grad_(False), torch.randn(2, 4, 6, 6)
    expected = layer(input)
    assert "(tuned)" not in str(convwright.explain(layer, input))
    name, candidate = last_candidate(problem)
    choose(problem, candidate)
    explanation = convwright.explain(layer, input)
    assert explanation.rows[0].kernel == name
    assert explanation.rows[0].schedule == candidate.partition("/")[2] + " (tuned)"
    torch.testing.assert_close(layer(input), expected)


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [("90s", 90), ("5m", 300), ("1h", 3600), ("7", 7), (7, 7), (0.5, 0.5), ("1.5m", 90)],
)
def test_budgets(budget: str | float, seconds: float) -> None:
    assert tuning.parse_budget(budget) == seconds


@pytest.mark.parametrize("budget", ["", "0", "0m", "-3", -3, "m", "5d", "5 m", "inf", "nan", None])
def test_what_is_no_budget(budget: str) -> None:
    with pytest.raises(ValueError, match="accepted are seconds, and texts such as 90s, 5m, 1h"):
        tuning.parse_budget(budget)


def job(*candidates: str) -> dict:
    contestants = [{"candidate": c, "artifact": ""} for c in candidates]
    return {
        **{"problem": PROBLEM, "phase": 0, "threads": 1, "seconds": 0.01, "least": 3, "most": 5},
        "device": "cpu",
        "flush_bytes": 1 << 20,
        "probe_seconds": 0,
        "contestants": contestants,
    }


@needs_kernels
def test_compare_leaves_out_what_cannot_run() -> None:
    _, shipped = last_candidate(PROBLEM)
    missing = "conv2d.avx2/lane:0,vec:1,tile:5,stage:1"
    try:
        times = _comparison.compare(job(shipped, "nonsense", missing, "pytorch"))
        assert set(times) == {shipped, "pytorch"}
        for rounds in times.values():
            warm, cold = rounds["seconds"], rounds["cold_seconds"]
            assert 3 <= len(warm) == len(cold) <= 6  # of 5, in each of three places a third
            assert all(0 < seconds < 1 for seconds in warm + cold)
        warm = _comparison.compare(job("pytorch") | {"flush_bytes": 0})["pytorch"]
        assert warm["seconds"]
        assert warm["cold_seconds"] == []
        assert _comparison.compare(job("nonsense")) == {}
    finally:
        torch.ops.convwright.choose(PROBLEM, 0, "", "")


@needs_kernels
@pytest.mark.parametrize(
    "problem",
    [
        PROBLEM + "_bias_relu",
        PROBLEM.replace("fprop", "dgrad"),
        PROBLEM.replace("fprop", "wgrad").replace("nhwc", "nchw"),
        "fprop_n1ci16ih9iw9co16kh3kw3s1p1g16_bf16_nhwc",
    ],
)
def test_compare_times_every_kind_of_problem(problem: str) -> None:
    try:
        times = _comparison.compare(job("pytorch") | {"problem": problem})
        assert min(times["pytorch"]["seconds"]) > 0
    finally:
        torch.ops.convwright.choose(problem, 0, "", "")


@needs_kernels
def test_compare_runs_the_passes_that_it_is_about() -> None:
    """Not PyTorch, though that was chosen for all of them together."""
    problem = "dgrad_n1ci16ih9iw9co16kh3kw3s2p1g16_f32_nhwc"
    call, whole = _subjects.call_of(problem), _choices.WHOLE_PROBLEM
    with _choices.untuned():
        schedule = convwright.explain(call).rows[0].schedule.split("+")[0]
    candidate = f"conv2d.{torch.ops.convwright.isa()}/{schedule}"
    _choices.choose(problem, "pytorch", phase=whole)
    try:
        assert convwright.explain(call).rows[0].kernel == "PyTorch"
        times = _comparison.compare(job(candidate) | {"problem": problem})
        assert set(times) == {candidate}
        assert convwright.explain(call).rows[0].schedule.startswith(f"{schedule} (tuned)")
    finally:
        _choices.choose(problem, "", phase=whole)
        _choices.choose(problem, "")


@needs_kernels
@pytest.mark.perf
def test_cold_calls_take_longer_than_warm_ones() -> None:
    problem = "fprop_n1ci64ih14iw14co64kh1kw1s1p0_f32_nhwc"  # 116 KB, little to compute
    plan = {"problem": problem, "flush_bytes": 64 << 20, "least": 31, "most": 31}
    rounds = _comparison.compare(job("pytorch") | plan)["pytorch"]
    assert median(rounds["cold_seconds"]) > 1.1 * median(rounds["seconds"])
    torch.ops.convwright.choose(problem, 0, "", "")


SUM = "wsum2d:fprop_n2ci8ih6iw9co16kh3kw3s1p1_f32_nhwc"
STEP = SUM.replace("fprop", "step")


def weighted_sum() -> tuple[nn.Module, torch.Tensor]:
    layer = convwright.nn.WeightedSumConv2d(8, 16, 3, padding=1, bias=False)
    input = torch.randn(2, 8, 6, 9).contiguous(memory_format=torch.channels_last)
    return layer.to(memory_format=torch.channels_last), input


@pytest.fixture
def choose_kind() -> Iterator:
    """_choices.choose, undone at the end."""
    chosen = set()

    def do(problem: str, candidate: str) -> None:
        _choices.choose(problem, candidate)
        chosen.add(problem)

    yield do
    for problem in chosen:
        _choices.choose(problem, "")


@needs_kernels
def test_weighted_sums_are_problems_beside_their_convolutions() -> None:
    layer, input = weighted_sum()
    assert tuning.problems_of(layer, (input,)) == {SUM: 1}  # fused: there is nothing inside
    trained = tuning.problems_of(nn.Sequential(layer, nn.ReLU()), (input,), train=True)
    assert trained.pop(STEP) == 1
    assert len(trained) == 2 + 2 + 1  # forward, gradients of weights, and of z
    assert _subjects.kind_by_rule(SUM) == "fused"
    assert _subjects.kind_by_rule(STEP) == "unfused"
    assert _subjects.kind_by_rule(STEP.replace("wsum2d", "dwsep2d")) == "unfused"
    assert _subjects.kind_by_rule(PROBLEM) == ""


@needs_kernels
@pytest.mark.parametrize("kind", ["unfused", "composed", "fused", "pytorch"])
def test_a_weighted_sum_is_computed_as_tuned(kind: str, choose_kind) -> None:
    layer, input = weighted_sum()
    expected = layer(input)
    gradients = torch.autograd.grad(expected.sum(), list(layer.parameters()))
    choose_kind(STEP, kind)
    row = convwright.explain(layer, input).rows[0]
    if kind == "pytorch":
        assert (row.kernel, row.reason) == ("PyTorch", FASTER_STEP)
    else:
        assert row.kernel == kind
        assert row.schedule.endswith(" (tuned)")
    assert _subjects.of_row(row) == STEP  # may be tuned again
    output = layer(input)
    torch.testing.assert_close(output, expected)
    for tuned, rule in zip(
        torch.autograd.grad(output.sum(), list(layer.parameters())), gradients, strict=True
    ):
        torch.testing.assert_close(tuned, rule)
    with torch.no_grad():  # another question
        assert convwright.explain(layer, input).rows[0].schedule == "z:none"


@needs_kernels
def test_choices_hold_where_they_are_looked_up(choose_kind) -> None:
    layer, input = weighted_sum()
    layer.requires_grad_(False)

    def kernel() -> str:
        return convwright.explain(layer, input).rows[0].kernel

    choose_kind(SUM, "composed")
    assert kernel() == "composed"
    with _choices.untuned():
        assert kernel() == "fused"
    assert kernel() == "composed"
    with convwright.force_kind("unfused"):
        assert kernel() == "unfused"
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager", dynamic=True)
    for images in (1, 2, 3):  # by rule, whatever was tuned for one size
        batch = torch.randn(images, 8, 6, 9)
        torch.testing.assert_close(compiled(batch), layer(batch))


@needs_kernels
def test_a_fused_kernel_is_chosen_by_its_schedule(choose_kind) -> None:
    layer, input = weighted_sum()
    layer.requires_grad_(False)
    name = convwright.explain(layer, input).rows[1].schedule
    choose_kind(SUM, f"weighted_sum.{torch.ops.convwright.isa()}/{name}")
    rows = convwright.explain(layer, input).rows
    assert [(row.kernel == "fused", row.schedule) for row in rows] == [
        (True, "z:none (tuned)"),
        (False, f"{name} (tuned)"),
    ]


@pytest.mark.parametrize("problem", [SUM, STEP, SUM.replace("wsum2d", "dwsep2d")])
def test_what_is_no_kind_is_refused(problem: str) -> None:
    generation = _choices.generation
    with pytest.raises(RuntimeError, match="none that this version knows"):
        _choices.choose(problem, "passes")
    assert _choices.generation == generation


@needs_kernels
@pytest.mark.parametrize(
    ("problem", "kinds"),
    [
        (STEP + "_bias", ("fused", "unfused", "composed", "pytorch")),
        (SUM, ("unfused", "composed", "pytorch")),
        (SUM.replace("wsum2d:fprop", "dwsep2d:step"), ("unfused", "pytorch")),
    ],
)
def test_compare_times_kinds(problem: str, kinds: tuple[str, ...]) -> None:
    try:
        times = _comparison.compare(job("passes", *kinds) | {"problem": problem})
        assert set(times) == set(kinds)
    finally:
        _choices.choose(problem, "")


LAYER = """
import json, torch, convwright
torch.manual_seed(0)
layer = convwright.nn.Conv2d(8, 16, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
layer.requires_grad_(False)
x = torch.randn(1, 8, 9, 9).to(memory_format=torch.channels_last)
expected = torch.nn.functional.conv2d(x, layer.weight, padding=1)
def show():
    torch.testing.assert_close(layer(x), expected)
    row, = convwright.explain(layer, x).rows
    print(json.dumps([row.problem, row.kernel, row.schedule, row.reason]))
"""
TUNE = """
events = []
report = convwright.tuning.tune(layer, x, budget="3s", progress=events.append)
tuned, = report.choices
print(json.dumps([tuned.problem, tuned.candidate, [e["event"] for e in events]]))
assert tuned.seconds > 0 and tuned.pytorch_seconds > 0, tuned
assert tuned.candidate in str(report) and tuned.reason
"""


@needs_kernels
@needs_tuner
def test_a_tuned_layer_uses_what_was_chosen(tmp_path: Path) -> None:
    done = in_child(tmp_path, LAYER + "show()\n" + TUNE + "show()")
    assert done.returncode == 0, done.stderr
    before, (problem, candidate, events), after = map(json.loads, done.stdout.splitlines())
    assert problem == before[0] == PROBLEM
    assert before[3] == "" and "(tuned)" not in before[2]
    assert events[0] == "task" and events[-1] == "choice"
    assert set(events[1:-1]) == {"result"}
    # In the same process it is used from the next call on, and in later ones unless switched off.
    if candidate == "pytorch":
        assert (after[1], after[3]) == ("PyTorch", FASTER)
    else:
        assert after[2] == candidate.partition("/")[2] + " (tuned)"
    assert json.loads(in_child(tmp_path, LAYER + "show()").stdout) == after
    off = in_child(tmp_path, LAYER + "show()", CONVWRIGHT_TUNE="off")
    assert json.loads(off.stdout) == before


FAKE = """#!/bin/sh
cat > {folder}/problems
echo '{{"event": "task", "problem": "p", "phase": 0, "number": 0, "count": 2, "left_seconds": 9}}'
echo '{{"event": "choice", "problem": "p", "phase": 0, "candidate": "c", "seconds": 1,' \\
    '"reason": "R."}}'
echo '{{"event": "result", "problem": "p", "number": 0, "count": 2, "tried": 1, "failed": {{}},' \\
    '"best_seconds": 1, "left_seconds": 8, "known": true}}'
echo '{{"event": "left", "problem": "q", "reason": "No time was left."}}'
echo '{{"event": "notice", "problem": "p", "notice": "PyTorch is tried again."}}'
echo The database was damaged. >&2
exit {status}
"""


@pytest.fixture
def tuner_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a script in the place of convwright-tune."""

    def put(script: str) -> None:
        program = tmp_path / "convwright-tune"
        program.write_text(script)
        program.chmod(0o755)
        monkeypatch.setattr(tuning, "find_tuner", lambda: program)

    return put


@pytest.mark.parametrize("status", [0, 1])
def test_command(
    status: int,
    tmp_path: Path,
    tuner_script: Callable[[str], None],
    capsys: pytest.CaptureFixture,
) -> None:
    tuner_script(FAKE.format(folder=tmp_path, status=status))
    file = tmp_path / "file"
    file.write_text(f"{PROBLEM} 3\n{PROBLEM}\n")
    assert main(["tune", "--problems", str(file), "--budget", "3"]) == status
    assert (tmp_path / "problems").read_text() == f"{PROBLEM} 4\n"
    output = capsys.readouterr()
    notices = "PyTorch is tried again.\nThe database was damaged.\n"
    if status == 0:
        known = "1 of 1 results were known.\n"
        assert output.out == f"p: c. R.\nq: No time was left.\n{notices}{known}"
        assert main(["tune", "--problems", str(file), "--csv"]) == 0
        output = capsys.readouterr()
        assert output.err == notices
        assert output.out.splitlines()[-1].startswith("q,")
    else:
        assert "The database was damaged." in output.err


def test_a_tuner_that_complains_at_length_does_not_stop(
    tuner_script: Callable[[str], None],
) -> None:
    tuner_script(
        "#!/bin/sh\ncat > /dev/null\n"
        "i=0; while [ $i -lt 3000 ]; do echo $i of many problems were left out. >&2; "
        "i=$((i + 1)); done\n"
        'echo \'{"event": "left", "problem": "q", "reason": "R."}\'\n'
    )
    report = tuning.tune_problems([PROBLEM], budget=1)
    assert report.left == {"q": "R."}
    assert len(report.notices) == 3000


def test_a_tuner_that_is_killed_within_a_line_is_named(
    tuner_script: Callable[[str], None],
) -> None:
    tuner_script(
        "#!/bin/sh\ncat > /dev/null\n"
        'echo \'{"event": "task", "problem": "q"}\'\nprintf \'{"event": "cho\'\nkill -9 $$\n'
    )
    with pytest.raises(
        tuning.TunerMissing, match=r"^convwright-tune was ended by signal 9; what it"
    ):
        tuning.tune_problems([PROBLEM], budget=1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "one of --model, --problem and --problems is required"),
        (["--problem", "nonsense"], "nonsense"),
        (["--problem", f"wsum3d:{PROBLEM}"], "wsum2d or dwsep2d"),
        (["--problem", f"wsum2d:{PROBLEM}".replace("fprop", "wgrad")], "fprop or step"),
        (["--problem", f"dwsep2d:{PROBLEM}".replace("fprop", "dgrad")], "also dgrad"),
        (["--problem", PROBLEM, "--budget", "0"], "accepted are seconds"),
        (["--problem", PROBLEM, "--threads", "0"], "positive"),
        (["--problems", "/nowhere/problems"], "/nowhere/problems"),
        (["--problems", os.devnull], "there is no convolution to tune"),
        (["--model", "torch.nn:Identity"], "--model needs --input"),
        (["--model", "torch.nn:Identity", "--input", "1x3"], "there is no convolution to tune"),
        (["--model", "torch.nn:Identity", "--input", "1xa"], "--input is '1xa'"),
        (["--model", "torch.nn:Identity", "--input", "0x3"], "--input is '0x3'"),
        (["--model", "torch.nn", "--input", "1"], "write module:function"),
        (["--model", "no_such_module:f", "--input", "1"], "No module named 'no_such_module'"),
        (["--model", "torch.nn:no_such", "--input", "1"], "no_such"),
        (["--model", "torch.nn:Conv2d", "--input", "1"], "cannot be made"),
    ],
)
def test_usage(arguments: list[str], text: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["tune", *arguments]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("line", [f"{PROBLEM} x", f"{PROBLEM} 0", f"{PROBLEM} 1 2", "nonsense 3"])
def test_files_of_problems(line: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "problems"
    file.write_text(f"# a comment\n{PROBLEM} 3  # three times\n{line}\n")
    assert main(["tune", "--problems", str(file)]) == 2
    assert line.split()[0] in capsys.readouterr().err


@needs_tuner
def test_texts_that_are_no_problems() -> None:
    with pytest.raises(ValueError, match="'nonsense'"):
        tuning.tune_problems(["nonsense"], budget=1)


@needs_tuner
@needs_kernels
def test_looking_measures_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVWRIGHT_DB", raising=False)
    assert main(["tune", "--dry-run", "--problem", PROBLEM]) == 0
    assert "legal candidates of" in capfd.readouterr().out
    assert main(["tune", "--explain", "--problem", PROBLEM]) == 0
    assert "not tuned on this device" in capfd.readouterr().out
    assert not (tmp_path / "cache").exists()


@needs_tuner
def test_commands_of_the_database_are_the_tuners(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVWRIGHT_DB", str(tmp_path / "tuning.db"))
    assert main(["db", "list"]) == 1
    assert "There is no tuning database" in capfd.readouterr().err
    assert main(["db", "list", "--no-such-option"]) == 2
    assert "--no-such-option" in capfd.readouterr().err
    assert main(["export", "-", "--within", "1"]) == 1


def test_without_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(_library, "find", lambda: tmp_path / _library.FILE_NAME)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["tune", "--problem", PROBLEM]) == 1
    assert "convwright-tune was found neither" in capsys.readouterr().err
