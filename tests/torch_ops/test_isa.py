# SPDX-License-Identifier: Apache-2.0
"""The ladder of instruction sets, seen from PyTorch."""

import os
import subprocess
import sys

import pytest
import torch

PROGRAM = """
import torch, convwright
x, w = torch.arange(2 * 3 * 6 * 7.0).reshape(2, 3, 6, 7) % 5, torch.arange(4 * 3 * 9.0) % 7 - 3
w = w.reshape(4, 3, 3, 3).requires_grad_()
y = convwright.functional.conv2d(x, w, padding=1)
y.sum().backward()
expected = torch.nn.functional.conv2d(x.double(), w.double(), padding=1)
assert torch.equal(y.double(), expected)
print(torch.ops.convwright.isa(), w.grad.sum().item())
print(convwright.explain(lambda: convwright.functional.conv2d(x, w, padding=1)))
"""


def run(isa: str) -> str:
    environment = os.environ | {"CONVWRIGHT_ISA": isa}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_a_kernel_for_this_cpu_the_operators_call_pytorch() -> None:
    output = run("none")
    assert output.startswith("none ")
    assert "PyTorch" in output and "kernels exist for AVX2" in output


@pytest.mark.skipif(torch.ops.convwright.isa() == "none", reason="the CPU has no AVX2")
def test_a_lower_rung_runs_its_own_kernels() -> None:
    output = run("avx2")
    assert output.startswith("avx2 ")
    assert "avx512" not in output
