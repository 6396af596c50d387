# SPDX-License-Identifier: Apache-2.0
"""Several processes: after fork, by spawn, and beside a tuner that writes what they read."""

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import convwright
from convwright import _library, tuning

SOURCE = str(Path(convwright.__file__).parents[1])

# Of each of the functions: what a forked child that asks for two threads has to say after this one
# has used two. A child that hangs is ended by its alarm.
FORKS = """
import json, os, signal, torch, convwright
functions = {"torchs": torch.nn.functional.conv2d, "ours": convwright.functional.conv2d}
x = torch.randint(-2, 3, (4, 32, 64, 64)).float()
w = torch.randint(-2, 3, (32, 32, 3, 3)).float()
torch.set_num_threads(2)
expected = [f(x, w, None, 1, 1) for f in functions.values()][0]

def child(function, threads):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(15)
        torch.set_num_threads(threads)
        right = all(torch.equal(function(x, w, None, 1, 1), expected) for _ in range(3))
        os.write(writer, b"right" if right else b"wrong")
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 5).decode() or "ended"
    status = os.waitpid(pid, 0)[1]
    return answer if status == 0 else f"signal {os.WTERMSIG(status)}"

print(json.dumps({f"{name} {threads}": child(function, threads)
                  for name, function in functions.items() for threads in (1, 2)}))
"""


def run(program: str, folder: Path, **more: str) -> subprocess.CompletedProcess:
    own = {
        "CONVWRIGHT_CACHE_DIR": str(folder),
        "CONVWRIGHT_LIBRARY": str(_library.find()),
        "PYTHONPATH": SOURCE,
    }
    kept = {k: v for k, v in os.environ.items() if k not in ("CONVWRIGHT_DB", "CONVWRIGHT_TUNE")}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=kept | own | more, capture_output=True, text=True)


def test_forked_processes_behave_as_with_pytorch(tmp_path: Path) -> None:
    """One thread always works; with more, PyTorch's own pool decides, for both alike."""
    done = run(FORKS, tmp_path)
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout)
    assert ends["ours 1"] == ends["torchs 1"] == "right"
    assert ends["ours 2"] == ends["torchs 2"]


def convolution(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    input, weight = (
        torch.randn(size, generator=generator) for size in ((2, 8, 9, 9), (16, 8, 3, 3))
    )
    return convwright.functional.conv2d(input, weight, padding=1)


def test_spawned_processes_compute_the_same_bits() -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.map(convolution, range(4))
    assert all(map(torch.equal, results, map(convolution, range(4))))


def _has_tuner() -> bool:
    try:
        return tuning.find_tuner().is_file()
    except tuning.TunerMissing:
        return False


# Eight threads use a layer while a tuner writes database, table and kernels, and this one reads
# the table again and again.
BESIDE_A_TUNER = """
import json, subprocess, sys, torch, convwright
from concurrent.futures import ThreadPoolExecutor
from convwright import _choices
torch.set_num_threads(1)
layer = convwright.nn.Conv2d(8, 16, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
layer.requires_grad_(False).weight.copy_(torch.randint(-2, 3, (16, 8, 3, 3)))
x = torch.randint(-2, 3, (1, 8, 9, 9)).float().to(memory_format=torch.channels_last)
expected = torch.nn.functional.conv2d(x, layer.weight, padding=1)
search = ["search", "--problem", "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc", "--trials"]
tuners = [subprocess.Popen([sys.argv[1], *search, "12", "--seed", seed]) for seed in "12"]

def use(_):
    right = uses = 0
    while any(tuner.poll() is None for tuner in tuners):
        for _ in range(100):
            right += torch.equal(layer(x), expected)
            uses += 1
        _choices.reload()
    return right == uses > 0

with ThreadPoolExecutor(8) as pool:
    assert all(pool.map(use, range(8)))
assert [tuner.wait() for tuner in tuners] == [0, 0]
_choices.reload()
assert torch.equal(layer(x), expected)
row, = convwright.explain(layer, x).rows
notices = [n for n in torch.ops.convwright.tuned_status().splitlines() if n.startswith("notice")]
print(json.dumps([row.schedule.endswith("(tuned)"), notices]))
"""


@pytest.mark.skipif(not _has_tuner(), reason="convwright-tune was not built")
@pytest.mark.skipif(torch.ops.convwright.isa() == "none", reason="there are no kernels")
def test_a_layer_is_right_while_two_tuners_write_what_it_reads(tmp_path: Path) -> None:
    program = f"import sys; sys.argv = ['', {str(tuning.find_tuner())!r}]\n{BESIDE_A_TUNER}"
    done = run(program, tmp_path, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    # No table, half written or not, was refused on the way.
    assert json.loads(done.stdout.splitlines()[-1]) == [True, []]
