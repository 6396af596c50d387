# SPDX-License-Identifier: Apache-2.0
"""convwright._plain: the autograd library, and the portable form that stands in for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from convwright import _library, _plain
from convwright._doctor import probe
from convwright.functional import conv2d

HERE = Path(__file__).parent
needs_library = pytest.mark.skipif(
    _plain.library is None, reason=f"no autograd library: {_plain.implementation}"
)


def test_the_build_has_one_where_it_can() -> None:
    """The build makes it wherever CPython's headers are, as set-up installs them."""
    library = _library.loaded()
    assert library is not None
    if not (library.parent / _plain.library_name()).is_file():
        pytest.skip("built without CPython's headers, or by another CPython")
    assert _plain.implementation == f"c++, {library.parent / _plain.library_name()}"
    assert probe._autograd().value == _plain.implementation


def test_the_portable_form_passes_the_same_tests() -> None:
    files = ("test_conv2d_autograd.py", "test_conv2d_relu.py", "test_conv2d_fallback.py")
    command = [sys.executable, "-m", "pytest", "-q", "-x", *(str(HERE / f) for f in files)]
    environment = {**os.environ, "CONVWRIGHT_AUTOGRAD": "python"}
    done = subprocess.run(command, env=environment, cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_variable_asks_for_the_portable_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVWRIGHT_AUTOGRAD", "python")
    assert _plain._connect() == (None, "python, as CONVWRIGHT_AUTOGRAD asks")
    monkeypatch.setenv("CONVWRIGHT_AUTOGRAD", "fast")
    with pytest.raises(
        ValueError, match=r"^CONVWRIGHT_AUTOGRAD is 'fast'; accepted are python, and nothing\.$"
    ):
        _plain._connect()


def test_another_pytorch_gets_the_portable_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CONVWRIGHT_AUTOGRAD", raising=False)
    monkeypatch.setattr(torch, "__version__", "2.11.7+cpu")
    library, implementation = _plain._connect()
    assert library is None
    assert "has no convwright_autograd.torch-2.11.7." in implementation

    monkeypatch.setattr(_library, "loaded", lambda: tmp_path / _library.FILE_NAME)
    (tmp_path / _plain.library_name()).write_text("not a library")
    library, implementation = _plain._connect()
    assert library is None
    assert "could not be loaded" in implementation


class Refused(Exception):
    pass


@needs_library
def test_the_caller_gets_the_errors_of_its_own_hooks() -> None:
    x, w = torch.randn(1, 2, 3, 3), torch.randn(2, 2, 1, 1, requires_grad=True)
    conv2d(x, w)  # the first call of a process goes another way

    def refuse(_: torch.Tensor) -> torch.Tensor:
        raise Refused

    with pytest.raises(Refused), torch.autograd.graph.saved_tensors_hooks(refuse, lambda t: t):
        conv2d(x, w)
    output = conv2d(x, w)
    assert type(output.grad_fn).__name__ == "CppFunction"
    # In a backward that is differentiated, Python computes: its errors come through as they are.
    w.register_hook(refuse)
    with pytest.raises(Refused):
        output.sum().backward(create_graph=True)


@needs_library
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_autograd_takes_the_node() -> None:
    torch.compiler.reset()
    x, w, b = (torch.randn(*s, requires_grad=True) for s in ((2, 3, 5, 5), (4, 3, 3, 3), (4,)))
    for leaves in ((x, w, b), (x, w)):
        output = conv2d(*leaves).square().sum()
        expected = torch.autograd.grad(output, leaves, retain_graph=True)
        with torch._dynamo.compiled_autograd._enable(torch.compile(backend="aot_eager")):
            output.backward()
        torch.testing.assert_close(tuple(t.grad for t in leaves), expected)
        x.grad = w.grad = None


@needs_library
@pytest.mark.parametrize(
    "arguments",
    [
        (1, 0, 1),
        (1, 0, 1, 1, 1),
        ([1, 1], 0, 1, 1),
        ((1, 1, 1), 0, 1, 1),
        (2**70, 0, 1, 1),
        (1.5, 0, 1, 1),
        (0, 0, 1, 1),
        (1, 0, 1, 2),
    ],
    ids=str,
)
def test_what_is_not_plain_is_left_to_python(arguments: tuple) -> None:
    x, w = torch.zeros(1, 2, 3, 3), torch.zeros(3, 2, 1, 1)
    assert _plain.library.conv2d(x, w, None, *arguments) is NotImplemented


@needs_library
@pytest.mark.parametrize(
    "operands",
    [
        (torch.zeros(1, 2, 3, 3).double(), torch.zeros(3, 2, 1, 1).double(), None),
        (torch.zeros(1, 2, 3, 3, device="meta"), torch.zeros(3, 2, 1, 1, device="meta"), None),
        (torch.zeros(1, 2, 3, 3), torch.zeros(3, 2, 1, 1), 1),
        (torch.zeros(1, 2, 3, 3).to_sparse(), torch.zeros(3, 2, 1, 1), None),
        (None, torch.zeros(3, 2, 1, 1), None),
    ],
    ids=["double", "meta", "bias", "sparse", "none"],
)
def test_other_operands_are_left_to_python(operands: tuple) -> None:
    assert _plain.library.conv2d(*operands, 1, 0, 1, 1) is NotImplemented
