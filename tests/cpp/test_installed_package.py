# SPDX-License-Identifier: Apache-2.0
"""The CMake package as a C++ user has it: the examples, built against an installation."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import torch

import convwright

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "cpp"
LIBTORCH = Path(torch.__file__).parent


def build_folder() -> Path:
    library = os.environ.get("CONVWRIGHT_LIBRARY")
    build = Path(library).parent if library else ROOT / "build" / "dev"
    if not (build / "cpp" / "cmake_install.cmake").is_file():
        pytest.skip(f"{build} holds no build of the C++ package")
    return build


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("installed")
    done = run("cmake", "--install", build_folder(), "--component", "cpp", "--prefix", prefix)
    assert done.returncode == 0, done.stderr
    return prefix


def configure(
    example: str, build: Path, prefix: Path, *options: str
) -> subprocess.CompletedProcess:
    paths = f"-DCMAKE_PREFIX_PATH={prefix}"
    return run("cmake", "-S", EXAMPLES / example, "-B", build, "-G", "Ninja", paths, *options)


def build_and_run(
    example: str, build: Path, prefix: Path, *options: str, arguments: tuple[object, ...] = ()
) -> str:
    configured = configure(example, build, prefix, *options)
    assert configured.returncode == 0, configured.stderr
    built = run("cmake", "--build", build)
    assert built.returncode == 0, built.stdout + built.stderr
    (program,) = [f for f in build.iterdir() if f.is_file() and os.access(f, os.X_OK)]
    ran = run(program, *arguments)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_nothing_refers_to_the_build_tree(installed: Path) -> None:
    files = [f for f in installed.rglob("*") if f.is_file()]
    assert {f.name for f in files} >= {"conv2d.h", "torch.h", "ConvwrightConfig.cmake"}
    assert [f for f in files if str(ROOT).encode() in f.read_bytes()] == []


def test_library_exports_its_interface_alone(installed: Path) -> None:
    (library,) = installed.rglob("libconvwright.so")
    symbols = run("nm", "--dynamic", "--defined-only", "--demangle", library).stdout.splitlines()
    names = {line.split(maxsplit=2)[2].split("(")[0] for line in symbols}
    assert names == {
        "convwright::conv2d_output_sizes",
        "convwright::conv2d_fprop",
        "convwright::conv2d_dgrad",
        "convwright::conv2d_wgrad",
        "convwright::use_threads",
        "typeinfo for convwright::Conv2dError",
        "typeinfo name for convwright::Conv2dError",
        "vtable for convwright::Conv2dError",
    }
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", library).stdout)
    assert [name for name in needed if "torch" in name or "c10" in name] == []


def test_plain_example(installed: Path, tmp_path: Path) -> None:
    assert build_and_run("plain", tmp_path, installed) == "equal to the definition\n"


@pytest.mark.slow  # LibTorch's headers take a minute to compile
def test_libtorch_example(installed: Path, tmp_path: Path) -> None:
    option = f"-DCONVWRIGHT_TORCH_DIR={LIBTORCH}"
    output = build_and_run("libtorch", tmp_path, installed, option)
    assert output == "equal to LibTorch's layers\n"


@pytest.mark.slow  # PyTorch compiles the package for a minute
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch of itself
def test_packaged_model(installed: Path, tmp_path: Path) -> None:
    model = torch.nn.Sequential(
        convwright.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.ReLU(),
        convwright.nn.ConvTranspose2d(8, 4, 3, stride=2),
    ).eval()
    images = torch.randn(2, 3, 9, 10)
    package, input, output = (tmp_path / name for name in ("model.pt2", "input.pt", "output.pt"))
    torch._inductor.aoti_compile_and_package(
        torch.export.export(model, (images,)), package_path=str(package)
    )
    torch.save(images, input)
    option = f"-DCONVWRIGHT_TORCH_DIR={LIBTORCH}"
    build = tmp_path / "build"
    build_and_run("packaged", build, installed, option, arguments=(package, input, output))
    torch.testing.assert_close(torch.load(output), model(images).detach())
    absent = run(build / "packaged_model", tmp_path / "absent.pt2", input, output)
    assert absent.returncode == 1
    assert "absent.pt2" in absent.stderr
    assert run(build / "packaged_model").returncode == 2


@pytest.mark.parametrize("version", [None, "2.10"], ids=["absent", "older"])
def test_another_libtorch_is_refused_in_one_sentence(
    version: str | None, installed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "libtorch"
    header = folder / "include" / "torch" / "headeronly" / "version.h"
    header.parent.mkdir(parents=True)
    if version is not None:
        major, minor = version.split(".")
        header.write_text(
            f"#define TORCH_VERSION_MAJOR {major}\n#define TORCH_VERSION_MINOR {minor}\n"
        )
    option = f"-DCONVWRIGHT_TORCH_DIR={folder}"
    done = configure("libtorch", tmp_path / "build", installed, option)
    assert done.returncode != 0
    text = " ".join(done.stderr.split())
    held = version or "none"
    assert (
        f"Convwright's component torch needs LibTorch 2.11, and {folder} holds {held}; "
        "set CONVWRIGHT_TORCH_DIR to the folder of LibTorch 2.11 that has include and lib."
    ) in text
    python = f"-DCONVWRIGHT_PYTHON={tmp_path / 'no-python'}"
    done = configure("libtorch", tmp_path / "other", installed, python)
    assert "has no package torch; set CONVWRIGHT_TORCH_DIR" in " ".join(done.stderr.split())
