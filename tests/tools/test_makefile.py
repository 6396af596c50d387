# SPDX-License-Identifier: Apache-2.0
"""`make demo`: what it would run, in which order, and where it leaves its report."""

import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[list[str]]:
    """Of the demo alone: the build is taken to be there."""
    make = ["make", "--no-print-directory", "-n", "-o", "build", "demo", "PRESET=other"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


def test_the_demo_trains_tunes_and_ends_with_its_report() -> None:
    programs = [c for c in commands() if c[0] == "python"]
    scripts = [c[1] for c in programs if c[1] != "-m"]
    assert scripts == [
        f"examples/{name}.py"
        for name in ("fashion_mnist", "channel_selection", "approximate_lenet")
    ]
    assert all((ROOT / script).is_file() for script in scripts)
    tune = next(c for c in programs if c[1:4] == ["-m", "convwright", "tune"])
    # Tuned for the batch of the example, and before it runs.
    batch = re.search(r"^BATCH = (\d+)$", (ROOT / scripts[1]).read_text(), re.MULTILINE)[1]
    assert tune[tune.index("--input") + 1] == f"{batch}x3x32x32"
    assert programs.index(tune) < [c[1] for c in programs].index(scripts[1])
    report = commands()[-1]
    assert report[1:4] == ["-m", "convwright", "report"]
    assert report[report.index("--out") + 1] == "build/other/demo/report.html"
    records = [c[c.index("--record") + 1] for c in programs if "--record" in c]
    assert report[4:7] == records and len(records) == 3
