# SPDX-License-Identifier: Apache-2.0
"""Rows of approximate layers: what they name, what they are compared with, what is wrong."""

from collections.abc import Callable

import pytest
import torch

from convwright.bench import approx_sides, problems, session, sides
from convwright.bench.approx_rows import ApproxBench
from convwright.bench.problems import BadProblem
from convwright.bench.report import report
from convwright.bench.roofline import Roofline
from convwright.bench.rows import Task
from convwright.bench.session import Request, choose_tasks

LAYER = "n2ci3ih6iw7co4kh3kw3s2p1_f32_nhwc_bias"
FLOATS = ("mbm", "mitchell", "drum(6)")
INTEGERS = ("mbm_int8", "drum(4)_int8", "roba_uint8")
OURS = ["convwright_nhwc", "convwright_nchw"]


def measure(multiplier: str, direction: str, extras: tuple[str, ...] = (), layer: str = LAYER):
    problem, _ = problems.parse(f"fprop_{layer}_{multiplier}")
    limits = Roofline(100.0, "a test", {1 << 20: 10.0})
    bench = ApproxBench(1, 0.01, limits, None, extras=extras)
    return bench.measure(Task("approx", problem, direction, "warm"))


@pytest.mark.parametrize("direction", problems.DIRECTIONS)
@pytest.mark.parametrize("multiplier", FLOATS)
def test_every_direction_of_a_float(multiplier: str, direction: str) -> None:
    row = measure(multiplier, direction)
    assert "error" not in row, row
    has_form = multiplier != "drum(6)"
    forms = [approx_sides.FORM] * has_form
    assert list(row["seconds"]) == [*OURS, "torch_nhwc", "torch_nchw", *forms]
    assert (row["multiplier"], row["number_format"]) == (multiplier, "float32")
    products = 2 * 4 * 3 * 4 * 27
    median = row["seconds"]["convwright_nhwc"]["median"]
    assert row["gproducts"] == pytest.approx(products / median / 1e9)
    assert ("unfold_ratio" in row) == has_form
    assert row["problem"].endswith(f"_{multiplier}")
    assert any("conv2d" in kernel for kernel in row["kernels"]["convwright_nhwc"])


@pytest.mark.parametrize("direction", ["fprop", "step", "inference"])
@pytest.mark.parametrize("multiplier", INTEGERS)
def test_every_direction_of_integers(multiplier: str, direction: str) -> None:
    row = measure(multiplier, direction)
    assert "error" not in row, row
    # Weights of uint8 have a zero point, for which PyTorch's form is not written.
    assert (approx_sides.FORM in row["seconds"]) == (multiplier != "roba_uint8")


def test_groups_have_no_form_and_are_right() -> None:
    row = measure("mbm_int8", "step", layer="n1ci4ih5iw5co6kh3kw3s1p1g2_f32_nhwc")
    assert "error" not in row, row
    assert approx_sides.FORM not in row["seconds"]


@pytest.mark.parametrize("direction", ["fprop", "dgrad", "wgrad", "step"])
def test_one_bit_is_a_wrong_answer(direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyTorch's form may differ by the rounding of sums, Convwright may not."""
    make, spoilt = approx_sides.make_ours, 0

    def corrupted(*arguments: object) -> dict[str, sides.Run]:
        runs = make(*arguments)
        right = runs["convwright_nchw"]

        def wrong() -> tuple[torch.Tensor, ...]:
            first, *rest = right()
            one = first.clone()
            one.view(-1)[spoilt] = torch.nextafter(one.view(-1)[spoilt], torch.tensor(9e9))
            return one, *rest

        return runs | {"convwright_nchw": wrong}

    monkeypatch.setattr(approx_sides, "make_ours", corrupted)
    row = measure("mbm", direction)
    assert "convwright_nchw is wrong: values are up to" in row["error"]
    assert "must be equal" in row["error"]


def test_gradients_of_a_step_and_the_form_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    step = sides.step

    def wrong(*arguments: object) -> sides.Run:
        run = step(*arguments)
        return lambda: tuple(t * factor for t, factor in zip(run(), (1, 1, 1.01, 1), strict=True))

    with monkeypatch.context() as patch:
        patch.setattr(sides, "step", wrong)
        patch.setattr(approx_sides, "make_form", lambda *_, **__: None)
        expected = approx_sides._expected

        def right(*arguments: object) -> list[torch.Tensor]:
            with monkeypatch.context() as inner:
                inner.setattr(sides, "step", step)
                return expected(*arguments)

        patch.setattr(approx_sides, "_expected", right)
        assert "times the rounding allowed" in measure("mbm", "step")["error"]
    with monkeypatch.context() as patch:
        make = approx_sides.make_form
        patch.setattr(
            approx_sides, "make_form", lambda *a, **k: lambda: (make(*a, **k)()[0] * 1.01,)
        )
        assert f"{approx_sides.FORM} is wrong" in measure("mbm", "fprop")["error"]


def test_further_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    compile: Callable = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **kw: compile(f, backend="eager", **kw))
    row = measure("mbm", "fprop", ("untuned", "compile", "autoscheduler"))
    assert row["seconds"][approx_sides.COMPILED_FORM]["median"] > 0
    assert row["seconds"][sides.UNTUNED]["median"] > 0
    assert row["notes"][0].split()[-3:] == ["no", "approximate", "products"]


def test_the_table_has_products_and_both_ratios() -> None:
    rows = [measure("mbm", "fprop"), measure("drum(6)", "fprop")]
    content = {
        **{"machine": {"cpu": "A", "isa": "b", "torch": "2", "convwright": "0", "commit": ""}},
        **{"threads": 1, "clock": "c", "date": "d", "finished": True, "rows": rows},
    }
    text = report(content)
    head = next(line for line in text.splitlines() if line.startswith("problem"))
    assert "unfold nchw  Gproducts/s  unfold ratio  ratio" in head
    assert f"'fprop_{LAYER}_drum(6)' --direction" in rows[1]["repeat"]  # for a shell
    assert "bench PROBLEM --direction fprop" in text
    lines = [line for line in text.splitlines() if line.startswith("fprop_")]
    assert f"{rows[0]['unfold_ratio']:.1f}" in lines[0] and " - " in lines[1]


def test_the_suite_leaves_out_what_integers_have_not() -> None:
    tasks = choose_tasks(Request(suites=("approx",)))
    by_direction = {
        d: [t.problem.product.number_format for t in tasks if t.direction == d]
        for d in session.DEFAULT_DIRECTIONS
    }
    assert set(by_direction["fprop"]) == set(by_direction["step"]) == {"float32", "int8", "uint8"}
    assert set(by_direction["dgrad"]) == set(by_direction["wgrad"]) == {"float32"}


def test_texts_go_both_ways() -> None:
    for multiplier in (*FLOATS, *INTEGERS, "mbm_bfloat16", "ax_fpm"):
        text = f"fprop_{LAYER}_{multiplier}"
        problem, direction = problems.parse(text)
        assert (problem.text, direction) == (text, "fprop")
        assert problem.text_for("wgrad") == text.replace("fprop", "wgrad").replace("_bias", "")
    exact, _ = problems.parse(f"fprop_{LAYER}")
    assert exact.product is None and exact.approximate_products == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"fprop_{LAYER}_mbn", "mbn"),
        (f"fprop_{LAYER}_int8", "int8"),
        (f"fprop_{LAYER}_ax_fpm_int8", "ax_fpm does not exist in int8, only in float32"),
        ("fprop_n1_mbm", "fprop_n1_mbm"),
    ],
)
def test_bad_texts(text: str, message: str) -> None:
    with pytest.raises(BadProblem, match=message) as caught:
        problems.parse(text)
    assert "\n" not in str(caught.value)


def test_what_is_not_there() -> None:
    text = f"fprop_{LAYER}_mbm_int8"
    with pytest.raises(BadProblem, match=r"has no dgrad: .* accepted are fprop, step, inference"):
        choose_tasks(Request(problems=(text,), directions=("dgrad",)))
    everything = choose_tasks(Request(device="cuda"))
    assert any(task.problem.product is not None for task in everything)
