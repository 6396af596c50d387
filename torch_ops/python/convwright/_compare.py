# SPDX-License-Identifier: Apache-2.0
"""The tuner's Python process: a job from stdin, to stdout `{candidate: {"seconds": …, …}}`.

Where a server is at hand the job is done there, without importing PyTorch once more.
"""

import json
import os
import sys

from convwright import _compare_server


def main() -> int:
    job = json.load(sys.stdin)
    server = os.environ.get(_compare_server.VARIABLE)
    answer = _compare_server.ask(server, job) if server else None
    if answer is None:
        answer = _compare_server.prepared()(job)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except _compare_server.Failed as error:
        sys.exit(str(error))
