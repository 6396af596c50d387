# SPDX-License-Identifier: Apache-2.0
"""torch.compile's default backend and AOTInductor packages, which need a C++ compiler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import convwright
from convwright.functional import conv2d


def network(module=convwright.nn) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        module.Conv2d(3, 8, 3, padding=1), nn.ReLU(), module.Conv2d(8, 4, 3, stride=2, groups=2)
    )


def step(call, model: nn.Module, images: Tensor) -> list[Tensor]:
    model.zero_grad()
    images = images.clone().requires_grad_()
    output = call(images)
    output.square().mean().backward()
    return [output.detach(), images.grad, *(p.grad.clone() for p in model.parameters())]


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("format", ["contiguous_format", "channels_last"])
def test_compiled_training_step(format: str, dynamic: bool) -> None:
    torch.compiler.reset()
    ours, torchs = (
        network(m).to(memory_format=getattr(torch, format)) for m in (convwright.nn, nn)
    )
    compiled = torch.compile(ours, fullgraph=True, dynamic=dynamic)
    for batch in (2, 5) if dynamic else (2,):
        images = torch.randn(batch, 3, 9, 10).contiguous(memory_format=getattr(torch, format))
        actual, expected = step(compiled, ours, images), step(torchs, torchs, images)
        torch.testing.assert_close(actual, expected)


@pytest.mark.slow
def test_gradient_of_a_weight_that_is_a_slice() -> None:
    """Compiled code checks that it has the strides that the fake kernel said."""
    torch.compiler.reset()
    input = torch.randn(2, 4, 6, 6)
    filters = torch.randn(8, 8, 3, 3).contiguous(memory_format=torch.channels_last)

    def layer(filters: Tensor) -> Tensor:
        return conv2d(input, filters[:, ::2]).square().sum()

    found = []
    for function in (torch.compile(layer, fullgraph=True), layer):
        filters = filters.detach().requires_grad_()
        function(filters).backward()
        found.append(filters.grad)
    torch.testing.assert_close(*found)


def exported(model: nn.Module, images: Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=2, max=64)
    return torch.export.export(model.eval(), (images,), dynamic_shapes=({0: batch},))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch of itself
def test_ahead_of_time_package(tmp_path: Path) -> None:
    model, images = network(), torch.randn(2, 3, 9, 10)
    path = torch._inductor.aoti_compile_and_package(
        exported(model, images), package_path=str(tmp_path / "model.pt2")
    )
    package = torch._inductor.aoti_load_package(path)
    for batch in (2, 7):
        images = torch.randn(batch, 3, 9, 10)
        torch.testing.assert_close(package(images), model(images))
    without = in_another_process(f"torch._inductor.aoti_load_package({path!r})")
    assert without.returncode != 0
    assert "convwright::conv2d_fprop" in without.stderr


def in_another_process(code: str) -> subprocess.CompletedProcess:
    """Of a Python that has no Convwright."""
    environment = {**os.environ, "PYTHONPATH": ""}
    command = [sys.executable, "-c", f"import torch; {code}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")  # PyTorch of its own file
def test_exported_program_without_the_library_names_it(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    model, images = network(), torch.randn(2, 3, 9, 10)
    torch.export.save(exported(model, images), path)
    assert torch.equal(torch.export.load(path).module()(images), model(images))
    done = in_another_process(f"torch.export.load({str(path)!r}).module()")
    assert done.returncode != 0
    assert "convwright" in done.stderr  # PyTorch warns of the operator, then raises
