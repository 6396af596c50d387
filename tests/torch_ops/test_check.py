# SPDX-License-Identifier: Apache-2.0
"""`python -m convwright check`, run as a function; once as a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cases import Case, assert_same, gradients, tensors

from convwright import check
from convwright.cli import main
from convwright.functional import conv2d

PROBLEMS = [
    "fprop_n2ci3ih7iw9co4kh3kw3s1p1_f32_nchw",
    "fprop_n2ci3ih7iw9co4kh3kw3s1p1_f32_nhwc_bias",
    "dgrad_n2ci4ih7iw9co6kh3kw2s2x1p1x0g2_f32_nhwc",
    "wgrad_n2ci4ih7iw9co6kh3kw3s1p2d2_f32_nchw",
    "fprop_n1ci1ih7iw9co1kh3kw3s1p1_f32_nhwc",
]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_accepting_kernel_is_run(problem: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["check", problem, "--seed", "3"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["kernel", "schedule", "isa", "verdict"]
    kernels = torch.ops.convwright.kernels(problem).splitlines()
    assert [line.split("  ")[0] for line in lines] == [k.split("\t")[0] for k in kernels]
    assert all(line.endswith("  ok") for line in lines)


def test_one_kernel(capsys: pytest.CaptureFixture) -> None:
    last = torch.ops.convwright.kernels(PROBLEMS[0]).splitlines()[-1].split("\t")[0]
    assert main(["check", PROBLEMS[0], "--kernel", last]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{last}  ")


def test_wrong_result(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    run = check._run

    def one_value_off(*args) -> torch.Tensor:
        output = run(*args)
        output[1, 2, 3, 4] += 1
        return output

    monkeypatch.setattr(check, "_run", one_value_off)
    assert main(["check", PROBLEMS[0]]) == 1
    assert "FAIL: 1 of 504 values differ, first at (1, 2, 3, 4): " in capsys.readouterr().out


def test_a_kernel_that_fails_is_no_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("a kernel returned -1")

    monkeypatch.setattr(check, "_run", fail)
    assert main(["check", PROBLEMS[0]]) == 1
    assert "FAIL: it raised RuntimeError: a kernel returned -1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "Missing command"),
        (["check"], "Missing argument"),
        (["check", "nonsense"], "nonsense"),
        (["check", PROBLEMS[0], "--kernel", "none such"], "no kernel none such for"),
        (["check", PROBLEMS[0], "--seed", "x"], "'--seed'"),
        (["check", PROBLEMS[0], "--device", "meta"], "device is 'meta', but there are the CPU and"),
        (["check", PROBLEMS[0], "--device", "cuda:99"], "device is 'cuda:99', but"),
        (["check", PROBLEMS[0], "--device", "x"], "device is 'x', but there are the CPU and"),
        (["check", "wgrad_n1ci1ih5000iw5000co1kh1kw1s1p0_f32_nchw"], "too many to be exact"),
    ],
)
def test_usage(arguments: list[str], text: str, capsys: pytest.CaptureFixture) -> None:
    assert main(arguments) == 2
    assert text in capsys.readouterr().err


def test_a_failing_test_prints_a_command_that_works() -> None:
    t = tensors(Case(groups=1, stride=(2, 1)), "nhwc")
    right = gradients(conv2d, t)
    with pytest.raises(AssertionError) as error:
        assert_same(t, (right[0] + 1, *right[1:]), right)
    repeat = str(error.value).splitlines()[-1]
    assert repeat.startswith("repeat: python -m convwright check fprop_n2ci3")
    command = [sys.executable, *repeat.split()[2:]]
    environment = {**os.environ, "PYTHONPATH": str(Path(check.__file__).parents[1])}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
