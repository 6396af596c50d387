# SPDX-License-Identifier: Apache-2.0
"""Winograd's tiles: where they run, what they round, and that they can be forbidden."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

import convwright
from convwright.functional import approx_conv2d, conv2d

CHANNELS = 64


@pytest.fixture(params=[True, False], ids=["allowed", "forbidden"])
def allowed(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = convwright.allow_winograd(request.param)
    yield request.param
    convwright.allow_winograd(before)


def layer(size: int = 28, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    input = torch.randn(batch, CHANNELS, size, size, generator=generator)
    weight = torch.randn(CHANNELS, CHANNELS, 3, 3, generator=generator)
    return input.contiguous(memory_format=torch.channels_last), weight


def uses_tiles(input: torch.Tensor, weight: torch.Tensor) -> bool:
    rows = convwright.explain(lambda: conv2d(input, weight, padding=1)).rows
    return all("stage_5" in row.kernel for row in rows)


def test_they_run_where_they_are_allowed(allowed: bool) -> None:
    assert uses_tiles(*layer()) == allowed


def test_a_change_tells_what_held_before() -> None:
    before = convwright.allow_winograd(False)
    assert convwright.allow_winograd(True) is False
    assert convwright.allow_winograd(before) is True


def test_backward_by_the_input(allowed: bool) -> None:
    input, weight = layer()
    input.requires_grad_()
    rows = convwright.explain(lambda: conv2d(input, weight, padding=1).sum().backward()).rows
    assert [("stage_5" in row.kernel) for row in rows if "dgrad" in row.problem] == [allowed]


def test_error_is_within_the_stated_bound() -> None:
    input, weight = layer()
    expected = F.conv2d(input.double(), weight.double(), padding=1)
    errors = {}
    before = convwright.allow_winograd(True)
    for allowed in (True, False):
        convwright.allow_winograd(allowed)
        assert uses_tiles(input, weight) == allowed
        errors[allowed] = (conv2d(input, weight, padding=1) - expected).abs()
    convwright.allow_winograd(before)
    largest = input.abs().max() * weight.abs().max()
    assert errors[True].max() <= 81 * (CHANNELS + 13) * CHANNELS * largest * 2.0**-24
    assert errors[True].square().mean().sqrt() <= 2 * errors[False].square().mean().sqrt()


def test_small_integers_are_exact(allowed: bool) -> None:
    input, weight = (t.mul(2).round() for t in layer())
    expected = F.conv2d(input.double(), weight.double(), padding=1)
    assert torch.equal(conv2d(input, weight, padding=1).double(), expected)


def test_a_nan_reaches_the_outputs_of_its_tile_at_most(allowed: bool) -> None:
    input, weight = layer()
    input[0, 3, 9, 12] = torch.nan
    nan = conv2d(input, weight, padding=1).isnan()
    wanted = F.conv2d(input, weight, padding=1).isnan()
    tiles = F.max_pool2d(wanted.float(), 2).repeat_interleave(2, 2).repeat_interleave(2, 3).bool()
    assert (wanted <= nan).all()
    assert (nan <= (tiles if allowed else wanted)).all()


@pytest.mark.parametrize("value", ["on", "off", ""])
def test_variable(value: str) -> None:
    program = "import convwright; print(convwright.allow_winograd(True))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "CONVWRIGHT_WINOGRAD": value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(value != "off")


@pytest.mark.parametrize("multiplier", ["exact", "drum(6)", "truncate(8)"])
def test_approximate_layers_never_use_them(multiplier: str) -> None:
    """Their sums are of the products themselves: the setting changes no bit, nor is it changed."""
    input, weight = (t.requires_grad_() for t in layer())
    found = []
    for allowed in (True, False):
        before = convwright.allow_winograd(allowed)

        def call() -> torch.Tensor:
            return approx_conv2d(input, weight, padding=1, multiplier=multiplier, backward="approx")

        rows = convwright.explain(call).rows
        assert {"fprop", "dgrad", "wgrad"} <= {row.direction for row in rows}
        assert not any("stage_5" in row.kernel for row in rows)
        output = call()
        found.append((output, *torch.autograd.grad(output.square().sum(), (input, weight))))
        assert uses_tiles(input.detach(), weight.detach()) == allowed
        convwright.allow_winograd(before)
    assert all(map(torch.equal, *found))
