# SPDX-License-Identifier: Apache-2.0
"""A library with a few kernels and a table of choices (small_library): what `explain` says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from convwright import LibraryMissing, _library, tuning
from convwright._choices import FASTER

FPROP = "fprop_n2ci4ih6iw6co8kh3kw3s1p1_f32_nhwc"
OWN = "lane:0,vec:1,tile:4,stage:1,"  # the library's other kernel for it

# Sizes of small_choices.txt.in.
SCRIPT = """
import json
import torch
import convwright

torch.manual_seed(1)
conv = convwright.nn.Conv2d(4, 8, 3, padding=1, bias=False)
rows = convwright.nn.WeightedSumConv2d(4, 8, 3, padding=1, bias=False)
x = torch.randn(2, 4, 6, 6).to(memory_format=torch.channels_last)
with torch.no_grad():
    forward, sums = (convwright.explain(module, x).rows[0] for module in (conv, rows))
    torch.testing.assert_close(conv(x), torch.nn.functional.conv2d(x, conv.weight, padding=1))
gradients = convwright.explain(conv, x).rows
wgrad = next(row for row in gradients if row.problem.startswith("wgrad"))
print(json.dumps([[row.kernel, row.schedule, row.reason] for row in (forward, sums, wgrad)]))
"""


def _library_file() -> Path | None:
    try:
        file = _library.find().parent / "small" / "libconvwright_small_ops.so"
    except LibraryMissing:
        return None
    return file if file.is_file() else None


LIBRARY = _library_file()
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="the small library was not built")


def _environment(cache: Path) -> dict[str, str]:
    given = {"CONVWRIGHT_LIBRARY": str(LIBRARY), "CONVWRIGHT_CACHE_DIR": str(cache)}
    # The table is of AVX2, so that any CPU with kernels reads it as its own.
    environment = os.environ | given | {"CONVWRIGHT_ISA": "avx2"}
    return {k: v for k, v in environment.items() if k not in ("CONVWRIGHT_DB", "CONVWRIGHT_TUNE")}


def rows(cache: Path, **more: str) -> list[list[str]]:
    """Kernel, schedule and reason of a convolution, a weighted sum and a gradient of the weight."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=_environment(cache) | more,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    answer = rows(tmp_path_factory.mktemp("cache"))
    if not answer[0][0].startswith("conv2d_"):
        pytest.skip("there are no kernels for this CPU")
    return answer


def test_choices_of_the_table_answer(shipped: list[list[str]]) -> None:
    forward, sums, wgrad = shipped
    assert forward[1].startswith("lane:0,vec:1,tile:5,stage:1,")
    assert forward[1].endswith(" (shipped)")
    assert sums[:2] == ["composed", "weight:composed (shipped)"]
    assert [wgrad[0], wgrad[2]] == ["PyTorch", FASTER]


def test_without_choices_the_cost_model_chooses(shipped: list[list[str]], tmp_path: Path) -> None:
    forward, sums, wgrad = rows(tmp_path, CONVWRIGHT_TUNE="off")
    assert "(" not in forward[1]
    assert "(shipped)" not in sums[1]
    assert wgrad[2] != FASTER


def test_another_instruction_set_is_not_answered(shipped: list[list[str]], tmp_path: Path) -> None:
    # Without AVX2 the kernels do not run, and the choices, of another identity, say nothing.
    for _, schedule, reason in rows(tmp_path, CONVWRIGHT_ISA="none"):
        assert "(shipped)" not in schedule
        assert reason != FASTER


def test_own_choices_come_first(shipped: list[list[str]], tmp_path: Path) -> None:
    """A choice of this user for the convolution; the others are the table's as before."""
    line = {
        "problem": FPROP,
        "phase": 0,
        "space": "0123456789abcdef",
        "identity": f"cpu/{_cpu_model()}/avx2",
        "device": "cores=1",
        "versions": "convwright=0.1.0",
        "choice": f"conv2d.avx2/{OWN}taps_x:0,taps_y:0,stride:0,group:1,strided_out:0",
        "artifact": "",
        "seconds": 1e-3,
        "reason": "It is the fastest.",
        "finals": [],
        "recorded": 5000,
    }
    records = tmp_path / "records.jsonl"
    records.write_text(_header() + "\n" + json.dumps(line) + "\n")
    done = subprocess.run(
        [str(_tuner()), "db", "import", str(records)],
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    forward, sums, wgrad = rows(tmp_path)
    assert forward[1].startswith(OWN)
    assert forward[1].endswith(" (tuned)")
    assert [sums, wgrad] == shipped[1:]


def _tuner() -> Path:
    try:
        return tuning.find_tuner()
    except tuning.TunerMissing:
        pytest.skip("convwright-tune was not built")


def _header() -> str:
    return json.dumps({"convwright_records": 1})


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text()
    names = (line.partition(":")[2] for line in text.splitlines() if line.startswith("model name"))
    return " ".join(next(names, "unknown").split())
