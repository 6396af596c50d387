# SPDX-License-Identifier: Apache-2.0
"""Importing the package costs nothing, and each of its modules can come first."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import convwright

SOURCE = str(Path(convwright.__file__).parents[1])
# A child for each module, by fork, so that PyTorch is imported once; as many at once as cores.
EACH_FIRST = """
import importlib, os, sys
import torch
failed, children = [], {}
def wait_for_one():
    child, status = os.wait()
    name = children.pop(child)
    if status:
        failed.append(name)
for name in sys.argv[1:]:
    if len(children) == os.cpu_count():
        wait_for_one()
    child = os.fork()
    if child == 0:
        importlib.import_module(name)
        os._exit(0)
    children[child] = name
while children:
    wait_for_one()
sys.exit(", ".join(failed) or 0)
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_import_does_not_import_pytorch() -> None:
    done = run("import sys, convwright, convwright.cli; print('torch' in sys.modules)")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_every_module_can_be_imported_first() -> None:
    names = [m.name for m in pkgutil.walk_packages(convwright.__path__, "convwright.")]
    assert "convwright.nn.separable" in names
    # bench.fma_peak and report need packages of extras, which are there.
    done = run(EACH_FIRST, *names)
    assert done.returncode == 0, done.stderr


def test_names_and_modules_are_there() -> None:
    for name in convwright.__all__:
        assert getattr(convwright, name) is getattr(convwright, name)
        assert name in dir(convwright)
    assert convwright.tuning.tune is convwright.tune
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = convwright.nonsense


def test_the_first_use_may_be_inside_a_compiled_function() -> None:
    code = """
import torch, convwright
@torch.compile(fullgraph=True, backend="eager")
def convolve(x, w):
    return convwright.functional.conv2d(x, w)
x, w = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)
print(convolve(x, w).sum().item())
"""
    done = run(code)
    assert done.stdout == "36.0\n", done.stderr
