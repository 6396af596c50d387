# SPDX-License-Identifier: Apache-2.0
"""Run workers of the tuner on a Ray cluster that is there already.

`python -m convwright._ray_workers --workers N --gpus G -- COMMAND...` runs the command N times,
spread over the nodes, each with one CPU and G GPUs. The program and the folder that it works on
must be there on every node under the same path. The cluster is that of RAY_ADDRESS, else the one
of this machine. Exit status: the largest of the commands; what they say on stderr is said here,
each text once.
"""

import argparse
import os
import subprocess
import sys


def run_command(command: list[str]) -> tuple[int, str]:
    """Exit status and stderr of a command on whatever node this runs."""
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        return 1, f"A node cannot run {command[0]!r}: {error.strerror}.\n"
    return done.returncode, done.stderr


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m convwright._ray_workers")
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    try:
        import ray
    except ImportError:
        print(
            "Ray is not installed for this Python: install the package ray, or use --launcher "
            "local or slurm.",
            file=sys.stderr,
        )
        return 1
    address = os.environ.get("RAY_ADDRESS", "auto")
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError):
        print(
            f"There is no Ray cluster at {address!r}: start one by `ray start --head`, or name it "
            "by RAY_ADDRESS.",
            file=sys.stderr,
        )
        return 1
    try:
        # A worker that is lost leaves its jobs to the others: running it again would help nobody.
        remote = ray.remote(
            num_cpus=1, num_gpus=options.gpus, max_retries=0, scheduling_strategy="SPREAD"
        )(run_command)
        runs = [remote.remote(options.command) for _ in range(options.workers)]
        status, said = 0, set()
        for run in runs:
            try:
                code, complaint = ray.get(run)
            except ray.exceptions.RayError as error:
                code, complaint = 1, f"A worker was lost: {type(error).__name__}.\n"
            status = max(status, code)
            said.add(complaint)
        sys.stderr.write("".join(sorted(said)))
        return status
    finally:
        ray.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
