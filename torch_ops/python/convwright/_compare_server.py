# SPDX-License-Identifier: Apache-2.0
"""A process that has imported PyTorch, and forks for each comparison of a search.

Importing takes seconds, twice a problem; a comparison takes less than one. Each still is a process
of its own, under the limits of whoever asks, and ends with it. Nothing here but `prepared` needs
PyTorch, so that asking is cheap.
"""

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convwright._child_environment import child_environment

VARIABLE = "CONVWRIGHT_COMPARE_SERVER"  # the path of its socket
_LIMITS = ("RLIMIT_AS", "RLIMIT_CPU")
_LOOK_MILLISECONDS = 10  # at whether the child has ended, or whoever asked


class Failed(RuntimeError):
    """A comparison ended without times. The text is one sentence."""


def prepared() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What compares, in this process."""
    # Whatever the user has switched off, candidates are choices.
    os.environ["CONVWRIGHT_TUNE"] = "cached"
    from convwright import _comparison

    return _comparison.compare


def ask(path: str, job: dict[str, Any]) -> dict[str, Any] | None:
    """The server's answer under this process's limits; None where no server listens.

    Raises Failed where the comparison did.
    """
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS}
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError:
            return None
        connection.sendall(json.dumps({"job": job, "limits": limits}).encode())
        connection.shutdown(socket.SHUT_WR)
        text = _read_all(connection)
    answer = json.loads(text) if text else {"error": "The comparison ended without an answer."}
    if "error" in answer:
        raise Failed(answer["error"])
    return answer["times"]


@contextmanager
def running(**environment: str) -> Iterator[dict[str, str]]:
    """A server until the block ends; yields the environment of processes that are to ask it."""
    with tempfile.TemporaryDirectory(prefix="convwright-") as folder:  # of this user alone
        path = str(Path(folder) / "compare")
        own = child_environment(**environment)
        command = [sys.executable, "-m", __name__, path]
        # A group of its own: what it has forked ends with it, and an interrupt is not its business.
        group = {"stdin": subprocess.PIPE, "start_new_session": True}
        with subprocess.Popen(command, env=own, **group) as server:
            try:
                yield own | {VARIABLE: path}
            finally:
                os.killpg(server.pid, signal.SIGKILL)


def _read_all(connection: socket.socket) -> str:
    return b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()


def _serve(path: str) -> None:
    """Until standard input ends: whoever started this is gone then."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        compare = None  # until somebody asks: importing would disturb what is measured meanwhile
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            compare = compare or prepared()
            with connection:
                _answer(connection, compare)


def _answer(connection: socket.socket, compare: Callable[..., dict[str, Any]]) -> None:
    request = json.loads(_read_all(connection))
    child = os.fork()
    if child == 0:
        _compare_here(connection, compare, request)
    hang_up = select.poll()
    hang_up.register(connection, 0)  # nothing but that it ends
    asked_by = select.poll()
    asked_by.register(sys.stdin, 0)
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if hang_up.poll(_LOOK_MILLISECONDS) or asked_by.poll(0):
            os.kill(child, signal.SIGKILL)


def _compare_here(
    connection: socket.socket, compare: Callable[..., dict[str, Any]], request: dict[str, Any]
) -> None:
    try:
        for name, limit in request["limits"].items():
            resource.setrlimit(getattr(resource, name), limit)
        answer = {"times": compare(request["job"])}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    connection.sendall(json.dumps(answer).encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
