# SPDX-License-Identifier: Apache-2.0
"""cmake/TunedTables.cmake: which kernels of a table of choices are added to the library."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CMAKE = shutil.which("cmake")
pytestmark = pytest.mark.skipif(CMAKE is None, reason="there is no cmake")

PROJECT = """
cmake_minimum_required(VERSION 3.28)
project(Tables NONE)
function(convwright_add_kernel)
    list(JOIN ARGV " " row)
    message(NOTICE "added ${row}")
endfunction()
function(convwright_add_cuda_kernel)
    list(JOIN ARGV " " row)
    message(NOTICE "added ${row}")
endfunction()
include("${ROOT}/cmake/TunedTables.cmake")
set_property(GLOBAL APPEND PROPERTY CONVWRIGHT_KERNELS_own
    "conv2d avx2 nhwc f32 - tile:4,lane:0" "conv2d avx2 nchw f32 - lane:1"
    "pack_weight avx2 nhwc f32 - " "approx_conv2d avx2 nhwc f32 mbm lane:0,tile:4"
    "conv2d cuda nhwc f32 - co:32" "conv2d cuda nhwc f32 - engine:0" "weighted_sum cuda nhwc f32 - "
    "approx_gemm cuda nchw f32 mbm co:32" "byte_gemm cuda nhwc f32 dot_s8 co:32")
convwright_add_tuned_kernels(tuned own ${CONVWRIGHT_TUNED_TABLES})
convwright_add_tuned_cuda_kernels(tuned own ${CONVWRIGHT_TUNED_TABLES})
"""
TAIL = "0123456789abcdef cpu/Some [CPU] (R) @ 2.0GHz/avx2"


def run(tmp_path: Path, tables: str) -> subprocess.CompletedProcess:
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    values = [f"-DROOT={ROOT}", f"-DCONVWRIGHT_TUNED={tables}"]
    command = [str(CMAKE), "-S", str(tmp_path), "-B", str(tmp_path / "build"), *values]
    return subprocess.run(command, capture_output=True, text=True)


def added(tmp_path: Path, *tables: str) -> list[str]:
    files = []
    for number, text in enumerate(tables):
        files.append(tmp_path / f"table{number}.txt")
        files[-1].write_text(text)
    done = run(tmp_path, ";".join(map(str, files)))
    assert done.returncode == 0, done.stderr
    return [line.removeprefix("added ") for line in done.stderr.splitlines()]


def row(candidate: str, form: str = "nhwc", dtype: str = "f32", phase: int = 0) -> str:
    return f"fprop_n1ci8ih9iw9co16kh3kw3s1p1_{dtype}_{form} {phase} {candidate} {TAIL}\n"


DEFAULTS = "defaults conv2d lane:0,vec:2,tile:8\n"


def test_kernels_that_the_library_lacks_are_added_once(tmp_path: Path) -> None:
    own = row("conv2d.avx2/lane:0,vec:2,tile:4") + row("conv2d.avx2/lane:1,vec:2,tile:8", "nchw")
    lacking = row("conv2d.avx2/lane:0,vec:1,tile:4")
    text = DEFAULTS + own + lacking + row("pytorch")
    expected = "conv2d TABLE tuned ISA avx2 FORMAT nhwc DTYPE f32 SCHEDULE lane:0,vec:1,tile:4"
    assert added(tmp_path, text, text) == [expected]


@pytest.mark.parametrize(
    ("candidate", "form", "dtype"),
    [
        ("conv2d.avx2/lane:0,vec:2,tile:4", "nchw", "f32"),
        ("conv2d.avx2/lane:0,vec:2,tile:4", "nhwc", "bf16"),
        ("conv2d.avx512/lane:0,vec:2,tile:4", "nhwc", "f32"),
        ("conv2d_wgrad.avx2/lane:0,vec:2,tile:4", "nhwc", "f32"),
    ],
)
def test_what_makes_a_kernel_another_one(
    tmp_path: Path, candidate: str, form: str, dtype: str
) -> None:
    lines = added(tmp_path, DEFAULTS + row(candidate, form, dtype))
    assert len(lines) == 1
    assert f"FORMAT {form} DTYPE {dtype}" in lines[0]


def test_kernels_of_a_product_are_made_for_it_in_any_format(tmp_path: Path) -> None:
    text = "defaults approx_conv2d lane:0,vec:2,tile:8\n"
    for behind in ("nhwc_mbm", "nchw_bias_mbm", "nchw_bias_log_bits"):
        for tile in (4, 5):
            text += row(f"approx_conv2d.avx2/lane:0,vec:2,tile:{tile}", behind)
    made = "approx_conv2d TABLE tuned ISA avx2 PRODUCT {} SCHEDULE lane:0,vec:2,tile:{}"
    expected = [("mbm", 5), ("log_bits", 4), ("log_bits", 5)]  # the library has mbm's other one
    assert added(tmp_path, text) == [made.format(*kernel) for kernel in expected]


GPU_DEFAULTS = """defaults conv2d lane:0,vec:2,tile:8
defaults conv2d.cuda engine:1,co:64,mma:0
defaults approx_gemm.cuda engine:1,co:64,mma:0
defaults weighted_sum.cuda columns:16,vec:1
defaults byte_gemm.cuda co:64,staged:0
"""


@pytest.mark.parametrize(
    ("candidate", "behind", "made"),
    [
        ("conv2d.cuda/engine:1,co:16,mma:0", "nhwc", "conv2d_gemm TABLE tuned FORMAT nhwc"),
        ("conv2d.cuda/engine:1,co:32,mma:0", "nchw", "conv2d_gemm TABLE tuned FORMAT nchw"),
        ("conv2d.cuda/engine:2,co:32,mma:0", "nhwc_relu", "conv2d_depthwise TABLE tuned"),
        ("conv2d.cuda/engine:0,co:64,mma:0", "nchw", "conv2d_direct TABLE tuned FORMAT nchw"),
        ("conv2d_wgrad.cuda/engine:1,co:64", "nhwc", "conv2d_wgrad_gemm TABLE tuned FORMAT nhwc"),
        ("weighted_sum.cuda/columns:8,vec:1", "nhwc", "PROGRAM convwright_cuda_weighted_sum_gen"),
        ("weighted_sum_grad.cuda/columns:8", "nhwc", "weighted_sum_grad_cuda TABLE tuned"),
        ("approx_gemm_nchw.cuda/engine:1,co:64,mma:0", "nhwc_bias_mbm", "FORMAT nchw"),
        ("approx_gemm_nhwc.cuda/engine:1,co:32,mma:0", "nhwc_mbm", "FORMAT nhwc"),
        ("approx_gemm_nchw.cuda/engine:1,co:32,mma:0", "nchw_roba", "PRODUCT roba"),
        ("byte_gemm_nchw.cuda/co:32,staged:1", "nhwc_table16", "PRODUCT table16 PROGRAM"),
        ("byte_gemm_nchw.cuda/co:32,staged:0", "nhwc_dot_s8x3", "FORMAT nchw DTYPE f32"),
        # Those of the library, by whatever knobs it leaves out.
        ("conv2d.cuda/engine:1,co:32,mma:0", "nhwc", ""),
        ("conv2d.cuda/engine:0,co:64,mma:0", "nhwc_bias", ""),
        ("weighted_sum.cuda/columns:16,vec:1", "nhwc", ""),
        ("approx_gemm_nchw.cuda/engine:1,co:32,mma:0", "nhwc_mbm", ""),
        ("byte_gemm_nhwc.cuda/co:32,staged:0", "nhwc_dot_s8x3", ""),
        ("pytorch", "nhwc", ""),
    ],
)
def test_kernels_of_gpus_that_the_library_lacks(
    tmp_path: Path, candidate: str, behind: str, made: str
) -> None:
    gpu = "0123456789abcdef gpu/Some [GPU] (R)/sms=108"
    text = f"fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_{behind} 0 {candidate} {gpu}\n"
    lines = added(tmp_path, GPU_DEFAULTS + text, GPU_DEFAULTS + text)
    assert len(lines) == bool(made)
    for line in lines:
        assert made in line
        assert line.endswith(f"SCHEDULE {candidate.partition('/')[2]}")
        assert "OLDEST" not in line


@pytest.mark.parametrize("dtype", ["bf16", "f16"])
def test_tensor_cores_are_not_of_all_gpus(tmp_path: Path, dtype: str) -> None:
    text = f"fprop_n1ci8ih9iw9co16kh3kw3s1p1_{dtype}_nhwc 0 conv2d.cuda/engine:1,co:64,mma:2 x\n"
    (line,) = added(tmp_path, GPU_DEFAULTS + text)
    assert f"DTYPE {dtype} " in line
    assert "OLDEST 80" in line


def test_a_table_has_both_kinds_of_devices(tmp_path: Path) -> None:
    text = row("conv2d.avx2/lane:0,vec:1,tile:4") + row("conv2d.cuda/engine:1,co:16,mma:0")
    cpu, gpu = added(tmp_path, GPU_DEFAULTS + text)
    assert cpu.startswith("conv2d TABLE tuned ISA avx2 ")
    assert gpu.startswith("conv2d_gemm TABLE tuned ")


def test_no_table_adds_nothing(tmp_path: Path) -> None:
    assert added(tmp_path) == []


def test_all_tables_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    for tile in (1, 2):
        (folder / f"{tile}.txt").write_text(row(f"conv2d.avx2/tile:{tile}"))
    (folder / "README.md").write_text(row("conv2d.avx2/tile:5"))
    done = run(tmp_path, str(folder))
    assert done.stderr.count("added ") == 2


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path, str(tmp_path / "nowhere.txt"))
    assert done.returncode != 0
    assert "there is no table" in done.stderr
