# SPDX-License-Identifier: Apache-2.0
"""What SECURITY.md promises of the sources: nothing stored is code, and no program is a text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import ROOT, source_files

# Reading what they wrote may run whatever it says.
SERIALISERS = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
# Names by which they are called.
CALLS = {"eval", "exec", "os.system", "os.popen", "tempfile.mktemp", "yaml.load"}
# Where shared objects are opened: kernels by their hash, NVRTC, the driver, and what PyTorch has
# loaded before.
LOADERS = {
    "runtime/kernel_module.cpp",
    "runtime/cuda/driver.cpp",
    "runtime/cuda/nvrtc.cpp",
    "torch_ops/csrc/torch_cuda.cpp",
}
# TorchScript's tensors between one example's two programs, which its user writes himself.
PICKLED_TENSORS = {"examples/cpp/packaged/main.cpp"}


def product_files(*suffixes: str) -> list[Path]:
    return [f for f in source_files() if f.suffix in suffixes and f.parts[0] != "tests"]


def _dotted(node: ast.expr) -> str:
    """a.b.c of such an expression, else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def faults(text: str) -> Iterator[str]:
    """What a Python source does that none may."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [alias.name for alias in node.names]
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (f"imports {n}" for n in named if n.partition(".")[0] in SERIALISERS)
        if not isinstance(node, ast.Call):
            continue
        name = _dotted(node.func)
        settings = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        if name in CALLS:
            yield f"calls {name}"
        if name == "torch.load" and settings.get("weights_only") is not True:
            yield "calls torch.load without weights_only=True"
        if name in ("np.load", "numpy.load") and settings.get("allow_pickle", False) is not False:
            yield f"calls {name} with allow_pickle"
        if settings.get("shell", False) is not False:
            yield f"calls {name} with a shell"


def test_no_python_source_reads_code_or_runs_a_shell() -> None:
    found = {
        str(f): list(faults((ROOT / f).read_text()))
        for f in product_files(".py")
        if (ROOT / f).read_text()
    }
    assert len(found) > 100
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from marshal import loads",
        "import numpy, dill.source",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "torch.load(f, weights_only=wanted)",
        "np.load(f, allow_pickle=True)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=wanted)",
        "os.system(text)",
        "tempfile.mktemp()",
        "eval(text)",
    ],
)
def test_faults_are_seen(text: str) -> None:
    assert len(list(faults(text))) == 1


@pytest.mark.parametrize(
    "text", ["model.eval()", "torch.load(f, weights_only=True)", "run([program], shell=False)"]
)
def test_what_is_none_is_not_taken_for_one(text: str) -> None:
    assert list(faults(text)) == []


def cpp_files_that_call(functions: str) -> set[str]:
    call = re.compile(rf"(?<![\w.>:])(?:std::|::)?(?:{functions})\s*\(")
    comment = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
    return {
        str(f)
        for f in product_files(".cpp", ".h")
        if call.search(comment.sub("", (ROOT / f).read_text()))
    }


def test_no_cpp_source_runs_a_shell_or_guesses_a_name_or_a_length() -> None:
    assert cpp_files_that_call("system|popen|tmpnam|tempnam|mktemp|tmpfile") == set()
    assert cpp_files_that_call("gets|strcpy|strcat|sprintf|vsprintf") == set()


def test_shared_objects_are_opened_in_few_places() -> None:
    assert cpp_files_that_call("dlopen") == LOADERS
    readers = {str(f) for f in product_files(".cpp", ".h") if "pickle" in (ROOT / f).read_text()}
    assert readers == PICKLED_TENSORS
