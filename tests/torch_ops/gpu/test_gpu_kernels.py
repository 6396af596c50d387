# SPDX-License-Identifier: Apache-2.0
"""Each CUDA kernel by itself: forced on small problems, integers, tolerance 0."""

import pytest
import torch
import torch.nn.functional as F

from convwright import check
from convwright.functional import conv2d

# Sizes around the tiles of kernels: vectors of 4 channels and none, one channel, more pixels and
# fewer than a block, tails in every dimension, strides, dilation, groups, no tap for some pixels.
SHAPES = [
    "n2ci3ih7iw9co4kh3kw3s1p1",
    "n2ci32ih9iw17co32kh3kw3s1p1",
    "n1ci64ih14iw14co68kh1kw1s1p0",
    "n3ci20ih13iw11co132kh3kw3s2p1",
    "n2ci3ih33iw31co64kh7kw7s2p3",
    "n1ci256ih7iw7co16kh3kw3s1p1",
    "n2ci16ih12iw10co24kh5kw3s2x1p2x1d1x2",
    "n2ci8ih9iw9co12kh3kw3s1p1g4",
    "n2ci33ih15iw16co33kh3kw3s1p1g33",
    "n2ci36ih15iw17co36kh3kw3s2p1g36",
    "n1ci64ih14iw13co64kh5kw5s1p2g64",
    "n2ci32ih21iw19co32kh7kw7s2p3g32",
    "n1ci1ih64iw65co1kh3kw3s1p1",
    "n2ci5ih11iw11co7kh1kw1s3p0",
    "n4ci128ih4iw4co128kh3kw3s1p1",
]
PROBLEMS = [
    f"{direction}_{shape}_{layout}{bias}"
    for shape in SHAPES
    for direction, bias in (("fprop", "_bias"), ("dgrad", ""), ("wgrad", ""))
    for layout in ("f32_nhwc", "f32_nchw", "bf16_nhwc", "f16_nhwc")
]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_kernel_that_accepts_the_problem(problem: str) -> None:
    # The values fit TF32, whose kernels are listed where PyTorch allows it.
    with torch.backends.cudnn.flags(torch.backends.cudnn.enabled, allow_tf32=True):
        results = list(check.check(problem, device="cuda"))
    assert results
    assert [f"{r.kernel} {r.schedule}: {r.failure}" for r in results if r.failure] == []


@pytest.mark.parametrize("memory_format", ["nhwc", "nchw"])
@pytest.mark.parametrize("direction", ["fprop", "dgrad", "wgrad"])
def test_some_problem_of_each_kind_has_several_kernels(direction: str, memory_format: str) -> None:
    counts = [
        len(check.kernels(p, "cuda"))
        for p in PROBLEMS
        if p.startswith(direction) and f"_{memory_format}" in p
    ]
    assert max(counts) > 1


def test_a_forced_kernel_of_cuda_leaves_the_cpu_alone() -> None:
    name = check.kernels("wgrad_n2ci3ih7iw9co4kh3kw3s1p1_f32_nchw", "cuda")[0][0]
    operands = torch.randn(2, 3, 7, 9), torch.randn(4, 3, 3, 3)
    torch.ops.convwright.force_kernel(name)
    try:
        torch.testing.assert_close(conv2d(*operands), F.conv2d(*operands))
        with pytest.raises(RuntimeError, match=name):
            conv2d(*(t.cuda() for t in operands))
    finally:
        torch.ops.convwright.force_kernel("")


def test_real_values_keep_float32s_precision() -> None:
    for memory_format in (torch.channels_last, torch.contiguous_format):
        input = torch.randn(4, 96, 29, 31).to(memory_format=memory_format)
        weight = torch.randn(72, 96, 3, 3).to(memory_format=memory_format)
        expected = F.conv2d(input.double(), weight.double(), padding=1)
        scale = F.conv2d(input.double().abs(), weight.double().abs(), padding=1)
        actual = conv2d(input.cuda(), weight.cuda(), padding=1).cpu()
        # 2 sqrt(K) eps of Higham and Mary (2019), doubled; TF32's eps is 2^-11.
        bound = 4 * (96 * 9) ** 0.5 * torch.finfo(torch.float32).eps * scale
        assert bool(((actual - expected).abs() <= bound).all())
