# SPDX-License-Identifier: Apache-2.0
"""The package's metadata and its editable form, by the build's own hooks: nothing is compiled."""

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "torch_ops" / "python" / "convwright"
EXTRAS = {"bench", "cli", "docs", "ray", "report", "tune"}

pytest.importorskip("scikit_build_core")


def hook(name: str, folder: Path) -> Path:
    """What the hook of that name (PEP 517, PEP 660) makes in `folder`."""
    code = f"import sys, scikit_build_core.build as b; print('made', b.{name}(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


def test_metadata_has_the_extras(tmp_path: Path) -> None:
    text = (hook("prepare_metadata_for_build_wheel", tmp_path) / "METADATA").read_text()
    metadata = Parser().parsestr(text)
    assert set(metadata.get_all("Provides-Extra")) == EXTRAS
    needed = metadata.get_all("Requires-Dist")
    assert [line for line in needed if "extra ==" not in line] == ["torch<2.12,>=2.11"]
    for package, extra in (
        ("typer", "cli"),
        ("halide", "tune"),
        ("jinja2", "report"),
        ("ray", "ray"),
    ):
        assert any(
            line.startswith(package) and f'"{extra}"' in line.replace("'", '"') for line in needed
        )


def test_editable_install_is_this_folder_without_a_build(tmp_path: Path) -> None:
    made = hook("build_editable", tmp_path)
    site = tmp_path / "site"
    with zipfile.ZipFile(made) as wheel:
        assert not [name for name in wheel.namelist() if name.endswith(".so")]
        wheel.extractall(site)
    code = f"import site; site.addsitedir({str(site)!r}); import convwright as c; print(c.__file__)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(PACKAGE / "__init__.py"), done.stderr
