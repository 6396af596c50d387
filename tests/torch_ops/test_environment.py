# SPDX-License-Identifier: Apache-2.0
"""Each variable CONVWRIGHT_*: a value that is none is named with those that are accepted, at the
first use, and a right one helps at once, but that of the library, which is looked for once."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import convwright
from convwright import LibraryMissing, _compare_server, _library, tuning

ROOT = Path(__file__).resolve().parents[2]
PROBLEM = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"

# In the operators: the wrong value, what is said, and a value that is right.
OPERATORS = {
    "CONVWRIGHT_AUTOGRAD": ("fast", "CONVWRIGHT_AUTOGRAD is 'fast'; accepted are python, and", ""),
    "CONVWRIGHT_ISA": (
        "avx1024",
        "CONVWRIGHT_ISA is 'avx1024'; accepted are none, avx2 and avx512.",
        "avx2",
    ),
    "CONVWRIGHT_LIBRARY": (
        "/nowhere",
        "CONVWRIGHT_LIBRARY is '/nowhere', which is not a file.",
        "",
    ),
    "CONVWRIGHT_TUNE": (
        "always",
        "CONVWRIGHT_TUNE is 'always'; accepted are off, cached and on.",
        "off",
    ),
    "CONVWRIGHT_WINOGRAD": (
        "yes",
        "CONVWRIGHT_WINOGRAD is 'yes'; accepted are on and off.",
        "off",
    ),
}
# In convwright-tune: the wrong value, and words of what is said.
TUNER = {
    "CONVWRIGHT_CACHE_DIR": ("/proc/nowhere", "set CONVWRIGHT_CACHE_DIR to one that can"),
    "CONVWRIGHT_DB": ("/proc", "is a folder; name a file with CONVWRIGHT_DB"),
    "CONVWRIGHT_ISA": OPERATORS["CONVWRIGHT_ISA"][:2],
}
# Tested where they are read: runtime/cuda/nvrtc_test.cpp, torch_ops/test_random_calls.py,
# examples/test_example_data.py and, for the last, which no user sets, test_compare_server.py.
ELSEWHERE = {
    "CONVWRIGHT_NVRTC",
    "CONVWRIGHT_SEED",
    "CONVWRIGHT_DATA",
    _compare_server.VARIABLE,
}

# Uses a layer in forks of a process that has PyTorch alone: with the wrong value twice, then with
# the right one.
USE = """
import json, os, sys, torch
said = {}
for name, (wrong, _, right) in json.loads(sys.argv[1]).items():
    reader, writer = os.pipe()
    if os.fork() == 0:
        words = []
        for value in (wrong, wrong, right or os.environ.get(name, "")):
            os.environ[name] = value
            try:
                import convwright
                layer = convwright.nn.Conv2d(3, 8, 3)
                x = torch.ones(1, 3, 5, 5)
                torch.testing.assert_close(layer(x), torch.conv2d(x, layer.weight, layer.bias))
                words.append("right")
            except Exception as error:
                words.append(str(error).splitlines()[0])
        os.write(writer, json.dumps(words).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said[name] = json.load(answer)
    os.wait()
print(json.dumps(said))
"""


def sources() -> Iterator[str]:
    listing = subprocess.run(
        ["git", "ls-files", "*.py", "*.cpp", "*.h"], cwd=ROOT, capture_output=True, text=True
    )
    for name in listing.stdout.splitlines():
        if (ROOT / name).is_file():
            yield (ROOT / name).read_text()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the sources are no checkout")
def test_no_variable_is_forgotten() -> None:
    read = {name for text in sources() for name in re.findall(r'"(CONVWRIGHT_[A-Z_]+)"', text)}
    assert read == set(OPERATORS) | set(TUNER) | ELSEWHERE


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    environment = {k: v for k, v in os.environ.items() if k not in OPERATORS or k.endswith("RARY")}
    environment["PYTHONPATH"] = str(Path(convwright.__file__).parents[1])
    environment["CONVWRIGHT_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    environment["CONVWRIGHT_LIBRARY"] = str(_library.find())
    command = [sys.executable, "-c", USE, json.dumps(OPERATORS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_name_the_variable_and_what_it_takes(
    name: str, said: dict[str, list[str]]
) -> None:
    if name == "CONVWRIGHT_ISA" and torch.ops.convwright.isa() == "none":
        pytest.skip("there are no kernels for this CPU")
    first, second, last = said[name]
    assert first == second
    assert first.startswith(OPERATORS[name][1])
    assert first.endswith(".")
    # The library is looked for once in a process.
    assert last == (first if name == "CONVWRIGHT_LIBRARY" else "right")


@pytest.mark.parametrize("name", TUNER)
def test_the_tuner_names_the_variable_and_what_it_takes(name: str) -> None:
    value, words = TUNER[name]
    try:
        program = tuning.find_tuner()
    except (LibraryMissing, tuning.TunerMissing):
        pytest.skip("convwright-tune was not built")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CONVWRIGHT_")}
    command = [str(program), "search", "--problem", PROBLEM, "--trials", "1"]
    if name == "CONVWRIGHT_DB":
        command = [str(program), "db", "list"]
    done = subprocess.run(command, env=kept | {name: value}, capture_output=True, text=True)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_commands_say_it_in_one_sentence(tmp_path: Path) -> None:
    environment = os.environ | {
        "CONVWRIGHT_TUNE": "always",
        "PYTHONPATH": str(Path(convwright.__file__).parents[1]),
        "CONVWRIGHT_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "convwright", "explain"]
    command += ["--model", "examples.nets:small_cnn", "--input", "1x1x28x28", "--convert"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.endswith("CONVWRIGHT_TUNE is 'always'; accepted are off, cached and on.\n")
    assert done.stderr.count("\n") == 1
