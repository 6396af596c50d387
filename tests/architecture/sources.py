# SPDX-License-Identifier: Apache-2.0
"""The files of the checkout and what they include."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Suffixes and names of what people write; data, texts and lock files are not among them.
SOURCE_SUFFIXES = {".h", ".cpp", ".cu", ".py", ".cmake", ".sh"}
SOURCE_NAMES = {"CMakeLists.txt", "Makefile"}


def tracked_files() -> list[Path]:
    """Files that git knows, or would know after `git add`; paths from the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = [Path(name) for name in listing.split("\0") if name]
    return [f for f in files if (ROOT / f).is_file() and not (ROOT / f).is_symlink()]


def source_files() -> list[Path]:
    return [f for f in tracked_files() if f.suffix in SOURCE_SUFFIXES or f.name in SOURCE_NAMES]


def includes(file: Path) -> list[str]:
    """What a C++ file includes itself."""
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', (ROOT / file).read_text(), re.M)


def all_includes(file: Path) -> set[str]:
    """What a C++ file includes, directly and through headers of this repository."""
    seen: set[str] = set()
    waiting = [file]
    while waiting:
        for name in includes(waiting.pop()):
            if name not in seen and (ROOT / name).is_file():
                waiting.append(Path(name))
            seen.add(name)
    return seen
