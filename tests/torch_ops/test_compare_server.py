# SPDX-License-Identifier: Apache-2.0
"""convwright._compare_server: comparisons in forks of one process."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from convwright import _compare_server, _library

pytestmark = pytest.mark.skipif(
    torch.ops.convwright.isa() == "none", reason="there are no kernels for this CPU"
)
PROBLEM = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc"


def job(*candidates: str, seconds: float = 0.01, most: int = 5) -> dict:
    return {
        **{"problem": PROBLEM, "phase": 0, "threads": 1, "least": 3, "most": most},
        **{"seconds": seconds, "flush_bytes": 1 << 20, "probe_seconds": 0, "device": "cpu"},
        "contestants": [{"candidate": c, "artifact": ""} for c in candidates],
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of those who ask."""
    cache = str(tmp_path_factory.mktemp("cache"))
    own = {"CONVWRIGHT_LIBRARY": str(_library.find()), "CONVWRIGHT_CACHE_DIR": cache}
    with _compare_server.running(**own) as environment:
        wait_for(lambda: Path(environment[_compare_server.VARIABLE]).exists())
        yield environment


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def ask(environment: dict[str, str], asked: dict, **more) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "convwright._compare"]
    text = json.dumps(asked)
    pipes = {"input": text, "capture_output": True, "text": True}
    return subprocess.run(command, env=environment, **pipes, **more)


def test_answers_again_and_again(server: dict[str, str]) -> None:
    for candidates in (("pytorch",), ("nonsense", "pytorch"), ("nonsense",)):
        done = ask(server, job(*candidates))
        assert done.returncode == 0, done.stderr
        times = json.loads(done.stdout)
        assert list(times) == [c for c in candidates if c == "pytorch"]
        assert all(0 < s < 1 for t in times.values() for s in (*t["seconds"], *t["cold_seconds"]))


def test_an_asker_does_not_import_pytorch(server: dict[str, str]) -> None:
    path = server[_compare_server.VARIABLE]
    code = (
        "import sys; from convwright import _compare_server as c\n"
        f"c.ask({path!r}, {job('pytorch')!r}); assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], env=server).returncode == 0


def test_what_is_wrong_is_said_and_harms_nobody(server: dict[str, str]) -> None:
    done = ask(server, job("pytorch") | {"problem": "nonsense"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "nonsense" in done.stderr.splitlines()[-1]
    assert ask(server, job("pytorch")).returncode == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(server: dict[str, str]) -> None:
    done = ask(server, job("pytorch") | {"device": "cuda:0"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "NVIDIA" in done.stderr or "CUDA" in done.stderr
    assert done.stderr.count("\n") == 1
    assert ask(server, job("pytorch")).returncode == 0


def test_limits_are_those_of_the_asker(server: dict[str, str]) -> None:
    def one_second() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))

    done = ask(server, job("pytorch", seconds=60, most=10**9), preexec_fn=one_second)
    assert done.returncode == 1
    assert "ended without an answer" in done.stderr
    assert ask(server, job("pytorch")).returncode == 0


def test_a_comparison_ends_with_its_asker(server: dict[str, str]) -> None:
    endless = json.dumps(job("pytorch", seconds=600, most=10**9))
    command = [sys.executable, "-m", "convwright._compare"]
    with subprocess.Popen(command, env=server, stdin=subprocess.PIPE, text=True) as asker:
        asker.stdin.write(endless)
        asker.stdin.close()
        time.sleep(1)
        asker.kill()
    start = time.monotonic()
    assert ask(server, job("pytorch")).returncode == 0  # one at a time
    assert time.monotonic() - start < 60


def test_it_ends_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import time; from convwright import _compare_server as c\n"
        "with c.running() as e: print(e[c.VARIABLE], flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as starter:
        path = starter.stdout.readline().strip()
        wait_for(Path(path).exists)
        servers = servers_of(path)
        assert servers
        starter.kill()
    wait_for(lambda: not any(alive(pid) for pid in servers))


def servers_of(path: str) -> list[int]:
    """Processes that were started for this socket."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if file.read_bytes().endswith(f"\0{path}\0".encode()):
                found.append(int(file.parent.name))
        except OSError:  # it has ended
            continue
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_without_a_server_the_asker_compares(server: dict[str, str], tmp_path: Path) -> None:
    nowhere = server | {_compare_server.VARIABLE: str(tmp_path / "nowhere")}
    done = ask(nowhere, job("pytorch"))
    assert done.returncode == 0, done.stderr
    assert "pytorch" in json.loads(done.stdout)


def test_an_interrupt_of_the_terminal_is_not_its_business(server: dict[str, str]) -> None:
    (pid,) = servers_of(server[_compare_server.VARIABLE])
    assert os.getpgid(pid) == pid != os.getpgid(0)
