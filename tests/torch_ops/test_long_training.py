# SPDX-License-Identifier: Apache-2.0
"""Long trainings by tuned kernels: flat memory, no descriptors left open, PyTorch's losses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_processes import SOURCE

from convwright import LibraryMissing, _library, tuning

PROGRAM = Path(__file__).with_name("long_training.py")
LAYERS = ("n32ci1ih32iw32co6kh5kw5s1p0", "n32ci6ih14iw14co16kh5kw5s1p0")
PROBLEMS = [
    *(f"fprop_{layer}_f32_nchw" for layer in LAYERS),
    *(f"wgrad_{layer}_f32_nchw" for layer in LAYERS),
    f"dgrad_{LAYERS[1]}_f32_nchw",
]

pytestmark = pytest.mark.skipif(
    torch.ops.convwright.isa() == "none", reason="there are no kernels for this CPU"
)


def tune(environment: dict[str, str], trials: int) -> None:
    try:
        program = str(tuning.find_tuner())
    except (LibraryMissing, tuning.TunerMissing):
        pytest.skip("convwright-tune was not built")
    lines = "".join(f"{problem}\n" for problem in PROBLEMS)
    command = [program, "search", "--problems", "-", "--trials", str(trials), "--budget", "600"]
    subprocess.run(command, env=environment, input=lines, text=True, check=True)


def train(folder: Path, steps: int, trials: int) -> dict:
    own = {"CONVWRIGHT_CACHE_DIR": str(folder), "CONVWRIGHT_LIBRARY": str(_library.find())}
    own |= {"PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"}
    kept = {k: v for k, v in os.environ.items() if k not in ("CONVWRIGHT_DB", "CONVWRIGHT_TUNE")}
    tune(kept | own, trials)
    assert (folder / "tuning.tuned").is_file()
    command = [sys.executable, str(PROGRAM), str(steps)]
    done = subprocess.run(command, env=kept | own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return json.loads(done.stdout)


def check(found: dict) -> None:
    # Where an input of a ReLU rounds to the other side of 0, a gradient jumps: seen in 2 of 10
    # batches, by PyTorch's layers in the same.
    assert len(found["differences"]) == 10
    assert sorted(found["differences"])[6] < 1, found["differences"]
    ours, torchs = found["first"]
    assert ours == pytest.approx(torchs, rel=1e-5)
    assert len(set(found["descriptors"])) == 1
    # From the first tenth on.
    assert max(found["resident"]) <= 1.02 * found["resident"][0]


def test_a_short_training(tmp_path: Path) -> None:
    found = train(tmp_path, steps=300, trials=1)
    check(found)
    for ours, torchs in found["losses"]:
        assert ours == pytest.approx(torchs, rel=0.02)


@pytest.mark.slow
def test_twenty_thousand_steps(tmp_path: Path) -> None:
    found = train(tmp_path, steps=20_000, trials=12)
    check(found)
    # Roundings grow over steps: trainings of the same seed part, their losses' means do not.
    for ours, torchs in found["losses"]:
        assert ours == pytest.approx(torchs, rel=0.05, abs=0.02)
