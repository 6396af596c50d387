# SPDX-License-Identifier: Apache-2.0
"""Suites, and the least work of a problem."""

from pathlib import Path

import pytest

from convwright.bench import problems
from convwright.bench.problems import BadProblem, Work


@pytest.mark.parametrize("name", problems.suite_names())
def test_suite_parses_and_names_each_problem_once(name: str) -> None:
    texts = [problem.text for problem in problems.read_suite(name)]
    assert texts
    assert len(set(texts)) == len(texts)


def test_the_suites_of_the_readme_exist() -> None:
    assert {"resnet50", "mobilenetv2", "small"} <= set(problems.suite_names())


def test_least_work_counts_each_needed_element_once() -> None:
    problem, direction = problems.parse("wgrad_n2ci4ih6iw6co8kh1kw1s2p0_f32_nchw")
    assert direction == "wgrad"
    weight, output = 8 * 4, 2 * 8 * 3 * 3
    met, whole = 2 * 4 * 3 * 3, 2 * 4 * 6 * 6  # of the input: stride 2 skips every second row
    flops = 2.0 * output * 4
    fprop = Work(flops, 4.0 * (met + weight + output))
    dgrad = Work(flops, 4.0 * (whole + weight + output))
    assert problem.work("fprop") == problem.work("inference") == [fprop]
    assert problem.work("step") == [fprop, dgrad, fprop]


def test_padding_is_not_read() -> None:
    problem, _ = problems.parse("fprop_n1ci1ih4iw4co1kh3kw3s1p1_f32_nhwc_bias")
    (work,) = problem.work("fprop")
    assert work.bytes == 4 * (16 + 9 + 1 + 16)


def test_gradients_have_no_bias_in_their_string() -> None:
    problem, _ = problems.parse("fprop_n1ci1ih4iw4co1kh3kw3s1p1_f32_nhwc_bias")
    assert problem.text_for("dgrad") == "dgrad_n1ci1ih4iw4co1kh3kw3s1p1_f32_nhwc"
    assert problem.text_for("step") == problem.text


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("# layers\n\nfprop_n1ci1\n")
    with pytest.raises(BadProblem, match=r"mine\.txt, line 3: .*fprop_n1ci1"):
        problems.read_suite("mine", tmp_path)
    with pytest.raises(BadProblem, match="no suite 'yours'; there are: mine"):
        problems.read_suite("yours", tmp_path)
