# SPDX-License-Identifier: Apache-2.0
"""Calls for which there is no memory: one sentence, and the process works on, without a leak."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import convwright
from convwright import _library

# Each operator under less and less address space. What it gives is right, or an error; afterwards
# the same call is right again. The limit binds this process alone.
PROGRAM = """
import json, os, resource, torch, convwright
from convwright import functional as f

torch.set_num_threads(1)
MB = 1 << 20

def integers(*sizes):
    return torch.randint(-2, 3, sizes).float()

def gradients(function, *tensors, **arguments):
    leaves = [t.detach().requires_grad_() for t in tensors]
    output = function(*leaves, **arguments)
    return torch.autograd.grad(output, leaves, torch.ones_like(output))

# Small images, large weights: packed weights and partial sums are as large.
x, w = integers(1, 768, 6, 6), integers(768, 768, 3, 3)
p, d = integers(768, 768), integers(768, 1, 3, 3)
wide, images = integers(8, 16, 3, 3), integers(4, 16, 256, 256)
CALLS = {
    "fprop": lambda: (f.conv2d(x, w),),
    "gradients": lambda: gradients(f.conv2d, x, w),
    "large output": lambda: (f.conv2d(images, wide, padding=1),),
    "gradients of large images": lambda: gradients(f.conv2d, images, wide, padding=1),
    "transposed": lambda: (f.conv_transpose2d(x, w, stride=2),),
    "converted": lambda: (f.conv2d(x.bfloat16(), w.bfloat16()),),
    "weighted sum": lambda: gradients(f.weighted_sum_conv2d, images, p[:32, :16], d[:32]),
    "approximate": lambda: gradients(f.approx_conv2d, x, w[:, :, :1, :1], backward="approx"),
    "strided": lambda: (f.conv2d(images[..., ::2], wide),),
}

def address_space():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

def under(limit, call):
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        return call()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)

found = {}
for name, call in CALLS.items():
    expected = call()
    texts, right = set(), 0
    for spare in (0, 1, 4, 8, 16, 32, 64, 512):
        try:
            results = under(address_space() + spare * MB, call)
        except (RuntimeError, MemoryError) as error:
            texts.add(f"{type(error).__name__}: {error}")
            assert all(map(torch.equal, call(), expected)), name
        else:
            assert all(map(torch.equal, results, expected)), name
            right += 1
        results = None
    before = address_space()
    for _ in range(10):
        try:
            under(before + 2 * MB, call)
        except (RuntimeError, MemoryError):
            pass
    found[name] = [right, sorted(texts), address_space() - before]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[int, list[str], int]]:
    own = {
        "PYTHONPATH": str(Path(convwright.__file__).parents[1]),
        "CONVWRIGHT_LIBRARY": str(_library.find()),
        "OMP_NUM_THREADS": "1",
        # Blocks from the system and back: what is kept for the next call hides what is asked for.
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ | own, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(torch.ops.convwright.isa() == "none", reason="PyTorch computes")
def test_each_call_is_right_or_an_error_and_can_be_repeated(found: dict) -> None:
    print(json.dumps(found, indent=1))
    assert all(right > 0 for right, _, _ in found.values())
    assert sum(bool(texts) for _, texts, _ in found.values()) >= 7


@pytest.mark.skipif(torch.ops.convwright.isa() == "none", reason="PyTorch computes")
def test_errors_are_sentences_about_memory(found: dict) -> None:
    for _, texts, _ in found.values():
        for text in texts:
            assert "memory" in text
            assert "\n" not in text


def test_nothing_is_kept_of_calls_that_failed(found: dict) -> None:
    for name, (_, _, grown) in found.items():
        assert grown < 4 << 20, name
