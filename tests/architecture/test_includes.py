# SPDX-License-Identifier: Apache-2.0
"""Dependencies between the folders point one way.

runtime knows the headers of Halide's runtime only; params headers know the problem and no Halide;
generators and schedules know Halide and those; torch_ops knows runtime.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sources import all_includes, source_files

CXX = [f for f in source_files() if f.suffix in {".h", ".cpp", ".cu"}]


def in_folder(*folders: str) -> list[Path]:
    return [f for f in CXX if any(f.is_relative_to(folder) for folder in folders)]


def is_halide_compiler(name: str) -> bool:
    return name == "Halide.h"


def is_torch(name: str) -> bool:
    return name.startswith(("torch/", "ATen/", "c10/", "torch_ops/"))


def under(*folders: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(tuple(folder + "/" for folder in folders))


PARAMS = [f for f in in_folder("schedules") if f.name == "knobs.h" or f.name.endswith("_params.h")]

ARROWS = {
    "runtime: no Halide compiler": (in_folder("runtime"), is_halide_compiler),
    "runtime: no PyTorch": (in_folder("runtime"), is_torch),
    "runtime: no room above it": (
        in_folder("runtime"),
        under("generators", "schedules/cpu", "schedules/cuda", "codegen", "autotune"),
    ),
    "params: no Halide": (PARAMS, lambda name: "Halide" in name),
    "params: no room above it": (
        PARAMS, under("generators", "schedules/cpu", "schedules/cuda", "codegen", "autotune"),
    ),
    "codegen: nothing of the kernels that use it": (
        in_folder("codegen"), under("generators", "schedules/cpu", "schedules/cuda", "torch_ops"),
    ),
    "generators and schedules: no PyTorch": (
        in_folder("generators", "schedules", "codegen"), is_torch,
    ),
    "generators and schedules: no tuner": (
        in_folder("generators", "schedules", "codegen"), under("autotune"),
    ),
    "torch_ops: no Halide compiler": (in_folder("torch_ops"), is_halide_compiler),
    "torch_ops: no generator, schedule or tuner": (
        in_folder("torch_ops"),
        under("generators", "schedules/cpu", "schedules/cuda", "codegen", "autotune"),
    ),
    "runtime and torch_ops: no database": (
        in_folder("runtime", "torch_ops"), lambda name: name == "sqlite3.h",
    ),
    "autotune: no Halide compiler, no PyTorch": (
        in_folder("autotune"), lambda name: is_halide_compiler(name) or is_torch(name),
    ),
    "autotune: no generator, schedule or code generator": (
        in_folder("autotune"),
        under("generators", "schedules/cpu", "schedules/cuda", "codegen"),
    ),
    "strategies: no database, no clock": (
        in_folder("autotune/search"),
        lambda name: name.startswith("autotune/database") or name in ("chrono", "ctime", "time.h"),
    ),
    "product: nothing of tests or bench": (
        in_folder("runtime", "generators", "schedules", "codegen", "torch_ops", "autotune"),
        under("tests", "bench"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("arrow", ARROWS)
def test_includes_follow_the_arrow(arrow: str) -> None:
    files, forbidden = ARROWS[arrow]
    assert files, "the arrow is about no file at all"
    wrong = {
        str(file): sorted(name for name in all_includes(file) if forbidden(name)) for file in files
    }
    assert {file: names for file, names in wrong.items() if names} == {}
