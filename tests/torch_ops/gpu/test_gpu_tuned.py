# SPDX-License-Identifier: Apache-2.0
"""Choices of tuning on a GPU: what runs, what `explain` says, and what leaves them aside."""

from collections.abc import Iterator

import pytest
import torch

import convwright
from convwright import _choices, check
from convwright._choices import FASTER
from convwright._trace import Row
from convwright.functional import conv2d

FPROP = "fprop_n2ci32ih9iw17co32kh3kw3s1p1_f32_nhwc"


@pytest.fixture
def operands() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    input = torch.randint(-3, 4, (2, 32, 9, 17), device="cuda").float()
    weight = torch.randint(-3, 4, (32, 32, 3, 3), device="cuda").float()
    with torch.backends.cudnn.flags(torch.backends.cudnn.enabled, allow_tf32=False):
        yield input.to(memory_format=torch.channels_last), weight
    _choices.choose(FPROP, "")


def row(*operands: torch.Tensor) -> Row:
    return convwright.explain(conv2d, *operands, None, 1, 1).rows[0]


def test_a_choice_runs_until_it_is_undone(operands: tuple[torch.Tensor, torch.Tensor]) -> None:
    usual = row(*operands)
    expected = conv2d(*operands, None, 1, 1)
    # Choices are of kernels that count elements in 32 bits.
    kernels = [k for k in check.kernels(FPROP, "cuda") if "index64" not in k[0]]
    name, schedule, _ = kernels[-1]
    assert name != usual.kernel
    _choices.choose(FPROP, f"conv2d.cuda/{schedule}")
    chosen = row(*operands)
    assert (chosen.kernel, chosen.schedule) == (name, schedule + " (tuned)")
    assert torch.equal(conv2d(*operands, None, 1, 1), expected)
    with _choices.untuned():
        assert row(*operands) == usual
    assert row(*operands) == chosen
    _choices.choose(FPROP, "")
    assert row(*operands) == usual


def test_pytorch_may_be_chosen(operands: tuple[torch.Tensor, torch.Tensor]) -> None:
    _choices.choose(FPROP, "pytorch")
    assert (row(*operands).kernel, row(*operands).reason) == ("PyTorch", FASTER)
    with _choices.untuned():
        assert row(*operands).kernel != "PyTorch"


def test_what_tensors_do_not_allow_is_left_aside(
    operands: tuple[torch.Tensor, torch.Tensor],
) -> None:
    input, weight = operands
    vectors = [s for _, s, _ in check.kernels(FPROP, "cuda") if "vec:4" in s.split(",")]
    _choices.choose(FPROP, f"conv2d.cuda/{vectors[0]}")
    assert row(input, weight).schedule.endswith(" (tuned)")
    memory = torch.zeros(input.numel() + 1, device="cuda")
    unaligned = memory[1:].as_strided(input.shape, input.stride()).copy_(input)
    assert row(unaligned, weight).schedule.endswith(" (the tuned kernel does not accept it)")
    assert torch.equal(conv2d(unaligned, weight, None, 1, 1), conv2d(input, weight, None, 1, 1))
    assert "make them contiguous" in torch.ops.convwright.tuned_status()


def test_a_layer_of_8_bit_products_takes_what_was_chosen() -> None:
    problem = "fprop_n2ci32ih9iw17co32kh3kw3s1p1_f32_nchw_dot_s8"
    settings = {"padding": 1, "multiplier": "exact", "number_format": "int8"}
    layer = convwright.nn.ApproxConv2d(32, 32, 3, **settings).cuda().requires_grad_(False)
    input = torch.randn(2, 32, 9, 17, device="cuda")
    convwright.quantisation.calibrate_(layer, [input])
    expected, usual = layer(input), convwright.explain(layer, input).rows[1]
    kernels = {k["kernel"]: k["schedule"] for k in check.library_kernels("cuda")}
    ours = [name for name in kernels if name.startswith("byte_gemm_dot_s8_nchw")]
    (other,) = (name for name in ours if name != usual.kernel)
    try:
        _choices.choose(problem, f"byte_gemm_nchw.cuda/{kernels[other]}")
        chosen = convwright.explain(layer, input).rows[1]
        assert chosen.kernel == other
        assert chosen.schedule.endswith(f"{kernels[other]} (tuned)")
        assert torch.equal(layer(input), expected)
    finally:
        _choices.choose(problem, "")
    assert convwright.explain(layer, input).rows[1] == usual
