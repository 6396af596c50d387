# SPDX-License-Identifier: Apache-2.0
"""The environment of a Python process that is started to use this very package."""

import os
from pathlib import Path


def child_environment(**more: str) -> dict[str, str]:
    """This process's, with the package first on PYTHONPATH, and `more`."""
    package = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path} | more
