# SPDX-License-Identifier: Apache-2.0
"""The set-up's decisions and messages; nothing is installed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import interpreter
import pytest
import steps
import system_packages
from virtual_env import RECORD_NAME, VirtualEnv

ROOT = Path(__file__).resolve().parents[2]
RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize("minor", [10, 11, 12, 13])
def test_fit_interpreters(minor: int) -> None:
    assert interpreter.why_unfit("CPython", (3, minor), "Linux", "x86_64") is None


@pytest.mark.parametrize(
    "what, text",
    [
        (("CPython", (3, 9), "Linux", "x86_64"), "this is CPython 3.9; Convwright needs CPython"),
        (("CPython", (3, 14), "Linux", "x86_64"), "make PYTHON=python3.12"),
        (("PyPy", (3, 10), "Linux", "x86_64"), "this is PyPy 3.10"),
        (("CPython", (3, 12), "Linux", "aarch64"), "this is Linux on aarch64"),
        (("CPython", (3, 12), "Darwin", "x86_64"), "this is Darwin on x86_64"),
    ],
)
def test_unfit_interpreters_get_a_sentence(what: tuple, text: str) -> None:
    assert text in interpreter.why_unfit(*what)


def test_missing_basics_stop_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(system_packages.shutil, "which", lambda name: None)
    monkeypatch.setattr(system_packages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["setup"])
    assert steps.main() == 1
    assert capsys.readouterr().out == (
        "Set-up: g++ and make and python3-venv missing: please install, as root, with "
        "`apt-get install g++ make python3-venv`.\n"
    )


def test_another_compiler_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        system_packages.shutil, "which", lambda name: None if name == "g++" else f"/bin/{name}"
    )
    monkeypatch.setenv("CXX", "clang++ -stdlib=libstdc++")
    assert system_packages.missing_basics() == []


def test_missing_packages_are_those_not_fully_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_packages.shutil, "which", lambda name: f"/bin/{name}")
    listing = "installed libfmt-dev\nnot-installed ccache\nconfig-files libgtest-dev\n"
    monkeypatch.setattr(
        system_packages.subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess([], 1, stdout=listing),
    )
    names = ("libfmt-dev", "ccache", "libgtest-dev", "unheard-of")
    assert system_packages.missing_packages(names) == ["ccache", "libgtest-dev", "unheard-of"]


def test_who_may_not_install_gets_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system_packages, "missing_packages", lambda names: ["libfmt-dev", "ccache"])
    monkeypatch.setattr(system_packages, "administrator_prefix", lambda: None)
    steps.set_up_system_packages()
    assert "as root: apt-get install libfmt-dev ccache\n" in capsys.readouterr().out


def test_an_optional_package_that_fails_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def install(prefix: list[str], names: list[str]) -> str | None:
        asked.append(names)
        return "E: Unable to locate package ccache" if "ccache" in names else None

    missing = ["libfmt-dev", "dataset-fashion-mnist", "ccache"]
    monkeypatch.setattr(system_packages, "missing_packages", lambda names: missing)
    monkeypatch.setattr(system_packages, "administrator_prefix", list)
    monkeypatch.setattr(system_packages, "update", lambda prefix: None)
    monkeypatch.setattr(system_packages, "install", install)
    steps.set_up_system_packages()
    assert asked == [["libfmt-dev"], ["dataset-fashion-mnist"], ["ccache"]]
    output = capsys.readouterr().out
    assert "`apt-get install ccache` failed: E: Unable to locate package ccache" in output


def test_last_words() -> None:
    assert system_packages.last_words("Reading lists\nE: no such thing\n\n") == "E: no such thing"
    assert system_packages.last_words("") == "no message"


@pytest.fixture
def env(tmp_path: Path) -> VirtualEnv:
    """A real environment with an empty stand-in for pip, filled from a lock file of its own."""
    folder, lock = tmp_path / ".venv", tmp_path / "requirements.lock"
    lock.write_text("numpy==1.0\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = next(folder.glob("lib/python3.*/site-packages")) / "pip"
    pip.mkdir()
    (pip / "__init__.py").touch()
    (pip / "__main__.py").touch()
    return VirtualEnv(folder, lock)


def test_filled_once_then_kept(env: VirtualEnv) -> None:
    assert env.what_to_do(None) == "fill"  # made by hand
    env.fill(show_progress=False)
    assert env.what_to_do(None) == "keep"
    assert env.what_to_do(RUNNING) == "keep"


def test_a_changed_lock_is_installed(env: VirtualEnv, tmp_path: Path) -> None:
    env.fill(show_progress=False)
    (tmp_path / "requirements.lock").write_text("numpy==2.0\n")
    assert env.what_to_do(None) == "fill"


def test_another_python_is_another_environment(env: VirtualEnv) -> None:
    env.fill(show_progress=False)
    assert env.what_to_do("3.9") == "make"


def test_a_half_made_environment_is_made_again(env: VirtualEnv, tmp_path: Path) -> None:
    pip = next(env.folder.glob("lib/python3.*/site-packages")) / "pip"
    (pip / "__main__.py").write_text("raise SystemExit(1)\n")
    with pytest.raises(subprocess.CalledProcessError):
        env.fill(show_progress=False)
    assert env.what_to_do(None) == "make"

    empty = tmp_path / "empty"
    empty.mkdir()
    assert VirtualEnv(empty, tmp_path / "requirements.lock").what_to_do(None) == "make"


def test_a_record_cut_off_is_made_again(env: VirtualEnv) -> None:
    env.fill(show_progress=False)
    (env.folder / RECORD_NAME).write_text('{"state": "fini')
    assert env.what_to_do(None) == "make"


def test_a_moved_environment_is_made_again(env: VirtualEnv) -> None:
    env.fill(show_progress=False)
    record = env.folder / RECORD_NAME
    record.write_text(json.dumps(json.loads(record.read_text()) | {"folder": "/elsewhere/.venv"}))
    assert env.what_to_do(None) == "make"


def test_the_lock_file_pins_everything_by_version_and_hash() -> None:
    text = (ROOT / "requirements.lock").read_text()
    logical = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    pins = [line for line in logical if line.strip() and not line.lstrip().startswith("#")]
    one = r"[a-z0-9-]+==[^\s;]+( ; .+?)?((?: --hash=sha256:[0-9a-f]{64})+)"
    matches = [re.fullmatch(one, pin) for pin in pins]
    assert [pin for pin, match in zip(pins, matches, strict=True) if not match] == []
    assert {"torch==2.11.0", "halide==21.0.0"} <= {pin.split()[0] for pin in pins}
    assert "://" not in text


def test_pip_takes_nothing_without_its_hash(env: VirtualEnv, tmp_path: Path) -> None:
    pip = next(env.folder.glob("lib/python3.*/site-packages")) / "pip"
    (pip / "__main__.py").write_text(
        f"import sys; open({str(tmp_path / 'asked')!r}, 'w').write(' '.join(sys.argv))"
    )
    env.fill(show_progress=False)
    assert "--require-hashes" in (tmp_path / "asked").read_text().split()
