# SPDX-License-Identifier: Apache-2.0
"""convwright.multipliers: values, tables, functions, descriptions; one sentence for each fault."""

import copy
import ctypes
import ctypes.util
import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from convwright import multipliers
from convwright.multipliers import Multiplier

EXACT = np.arange(256)[:, None] * np.arange(256)


@pytest.mark.parametrize(
    "made, text",
    [
        (multipliers.mbm(), "mbm"),
        (multipliers.mbm(t=16), "mbm(16)"),
        (multipliers.mitchell(), "mitchell"),
        (multipliers.drum(6), "drum(6)"),
        (multipliers.realm(), "realm(4)"),
        (multipliers.lmul(), "lmul"),
        (multipliers.lmul(7), "lmul(7)"),
        (multipliers.pam(), "pam"),
        (multipliers.ax_fpm(), "ax_fpm"),
        (multipliers.truncate(8), "truncate(8)"),
        (multipliers.roba(), "roba"),
        (multipliers.exact(), "exact"),
        (multipliers.zeros(), "zeros"),
    ],
)
def test_built_in_ones_are_values(made: Multiplier, text: str) -> None:
    assert made.text == str(made) == text
    assert made.name in multipliers.names()
    for same in (multipliers.parse(text), pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert same == made
        assert hash(same) == hash(made)
    assert multipliers.parse(made) is made
    with pytest.raises(AttributeError):
        made.name = "other"


def test_same_multiplier_in_other_words() -> None:
    assert multipliers.parse("mbm(0)") == multipliers.mbm()
    assert multipliers.parse("realm") == multipliers.realm()
    assert multipliers.parse(" drum( 6 )") == multipliers.drum(6)


@pytest.mark.parametrize(
    "text", ["mbn", "", "drum", "drum(0)", "mbm(99)", "pam(2)", "mbm(", "mbm(x)"]
)
def test_unknown_ones_are_one_sentence(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        multipliers.parse(text)
    message = str(caught.value)
    assert "\n" not in message
    assert text.replace(" ", "") in message
    if not text.startswith(tuple(multipliers.names())):
        assert all(name in message for name in multipliers.names())


def test_what_is_no_multiplier() -> None:
    with pytest.raises(TypeError, match="multiplier is a int, it must be a text such as 'mbm'"):
        multipliers.parse(3)


def test_formats() -> None:
    assert multipliers.mbm().number_formats == multipliers.NUMBER_FORMATS
    assert multipliers.ax_fpm().number_formats == ("float32",)
    with pytest.raises(ValueError, match="ax_fpm does not exist in int8, only in float32"):
        multipliers.ax_fpm().check_format("int8")
    with pytest.raises(ValueError, match=r"mbm\(16\) does not exist in uint8, only in float32, bf"):
        multipliers.mbm(16).table("uint8")
    with pytest.raises(ValueError, match="number_format is 'int4', it must be one of float32, bf"):
        multipliers.mbm().check_format("int4")


# (multiplier, number format, mean of |error|, bias, least, most), percent; sampled ones +- 0.02.
FIGURES = [
    ("mitchell", "uint8", 3.788, -3.788, -11.11, 0),
    ("mbm", "uint8", 2.7107, 0.0473, -11.11, 7.81),
    ("mitchell", "float32", 3.849, -3.849, -11.11, 0),
    ("mbm", "float32", 2.580, -0.094, -7.64, 7.81),
    ("mbm(16)", "float32", 2.602, -0.093, None, None),
    ("mbm(20)", "float32", 6.914, -3.857, -23.8, 24.8),
    ("drum(4)", "float32", 5.89, 0.53, -19, 27),
    ("drum(6)", "float32", 1.468, 0.043, -5.75, 6.29),
    ("realm", "float32", 1.382, -0.023, -5.7, 5.2),
    ("lmul(23)", "float32", 2.65, 0.41, -7.3, 6.25),
    ("ax_fpm", "float32", 41, 38, -48, 100),
    ("exact", "int8", 0, 0, 0, 0),
]


@pytest.mark.parametrize("text, number_format, mean, bias, least, most", FIGURES)
def test_described_error_figures(text, number_format, mean, bias, least, most) -> None:
    found = multipliers.parse(text).describe(number_format)
    assert found.exhaustive == (number_format == "uint8" or number_format == "int8")
    tight = {"abs": 6e-4} if found.exhaustive else {"abs": 0.02 if mean < 40 else 0.5}
    assert found.mean_abs == pytest.approx(mean, **tight)
    assert found.bias == pytest.approx(bias, **tight)
    for actual, expected in ((found.min, least), (found.max, most)):
        if expected is not None:
            assert actual == pytest.approx(expected, abs=0.6)


def test_described_engines_and_sources() -> None:
    kinds = {text: multipliers.parse(text).describe().kind for text in multipliers.names()
             if text not in ("drum", "truncate")}  # fmt: skip
    assert kinds["mbm"] == kinds["lmul"] == "log"
    assert multipliers.drum(6).describe().kind == "transform"
    drum, mbm = multipliers.drum(6).describe(), multipliers.mbm().describe("uint8")
    assert "54% to 80%" in drum.energy
    assert "ICCAD 2015" in drum.energy_source
    assert (mbm.kind, mbm.energy) == ("table", None)
    assert str(mbm).splitlines()[0] == "mbm in uint8"
    exact = multipliers.from_table(EXACT.astype(np.uint16)).describe()
    assert (exact.rank, exact.mean_abs) == (1, 0)


def ama5(a: int, w: int) -> int:
    """The block that Ax-FPM is built from."""
    return (a & 0x11) * w + 16 * (a & 0xEE) * ((w >> 3) & 0x11)


@pytest.mark.parametrize(
    "multiplier, number_format, kinds",
    [
        ("roba", "uint8", ("low rank",)),
        ("roba", "int8", ("low rank",)),
        ("truncate(5)", "uint8", ("transform", "low rank")),
        ("drum(4)", "uint8", ("transform", "low rank")),
        ("drum(4)", "int8", ("transform", "low rank")),
        (ama5, "uint8", ("low rank",)),
        ("mbm", "uint8", ("table",)),
        ("mbm", "int8", ("table",)),
    ],
)
def test_engines_of_8_bit_tables(multiplier, number_format: str, kinds: tuple) -> None:
    if callable(multiplier):
        multiplier = multipliers.from_function(multiplier, format=number_format)
    found = multipliers.parse(multiplier).describe(number_format)
    assert found.kind in kinds
    # A table that was read is classified as the built-in one is.
    table = multipliers.parse(multiplier).table(number_format)
    read = multipliers.from_table(table, signed=number_format == "int8").describe()
    assert (read.kind, read.engine, read.rank) == (found.kind, found.engine, found.rank)


def test_tables_from_arrays() -> None:
    made = [
        multipliers.from_table(array)
        for array in (
            EXACT.astype(np.uint16),
            EXACT.astype(np.int32).reshape(-1),
            EXACT.astype(">i4"),
            torch.from_numpy(EXACT).int(),
            torch.from_numpy(EXACT.astype(np.uint16)),
            np.asfortranarray(EXACT.astype(np.uint16)),
        )
    ]
    assert all(m == made[0] for m in made)
    assert made[0].number_formats == ("uint8",)
    assert torch.equal(made[0].table("uint8"), multipliers.exact().table("uint8"))
    pattern = np.arange(256).astype(np.int8).astype(np.int32)
    signed = multipliers.from_table((pattern[:, None] * pattern).astype(np.int16), signed=True)
    assert torch.equal(signed.table("int8"), multipliers.exact().table("int8"))
    assert re.fullmatch(r"table\(int8, [0-9a-f]{16}\)", signed.text)
    assert pickle.loads(pickle.dumps(signed)) == signed != made[0]


def test_a_table_does_not_change_with_its_array() -> None:
    array = EXACT.astype(np.int32)
    made = multipliers.from_table(array)
    array[:] = 0
    assert made.table("uint8")[257] == 1


def test_tables_from_files(tmp_path: Path) -> None:
    expected = multipliers.from_table(EXACT.astype(np.uint16))
    EXACT.astype("<u2").tofile(tmp_path / "raw.bin")
    EXACT.astype("<i4").tofile(tmp_path / "wide.bin")
    np.savetxt(tmp_path / "a.csv", EXACT, fmt="%d", delimiter=",")
    np.savetxt(tmp_path / "b.CSV", EXACT.reshape(-1), fmt="%d")
    (tmp_path / "c.csv").write_text("\ufeff" + ", ".join(map(str, EXACT.flat)) + ",\r\n")
    for name in ("raw.bin", "wide.bin", "a.csv", "b.CSV", "c.csv"):
        assert multipliers.from_table(tmp_path / name) == expected
        assert multipliers.from_table(str(tmp_path / name)) == expected
    pattern = np.arange(256).astype(np.int8).astype(np.int16)
    (pattern[:, None] * pattern).astype("<i2").tofile(tmp_path / "signed.bin")
    signed = multipliers.from_table(tmp_path / "signed.bin", signed=True)
    assert torch.equal(signed.table("int8"), multipliers.exact().table("int8"))


@pytest.mark.parametrize(
    "array, text",
    [
        (EXACT.astype(np.int64), "holds int64, it must hold int16, uint16 or int32"),
        (EXACT.astype(np.float32), "holds float32, it must hold"),
        (EXACT.astype(object), "holds object, it must hold"),
        (EXACT.astype(np.uint32), "holds uint32, it must hold"),
        (
            EXACT[:255].astype(np.int32),
            r"shape is \(255, 256\), it must be \(256, 256\) or \(65536,",
        ),
        (np.zeros(0, np.int16), r"shape is \(0,\)"),
    ],
)
def test_bad_arrays_are_one_sentence(array: np.ndarray, text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        multipliers.from_table(array)
    assert "\n" not in str(caught.value)
    with pytest.raises(TypeError, match="the table is a list, it must be an array, a tensor or"):
        multipliers.from_table([1, 2])


FILES = {
    "cut.bin": (EXACT.astype("<u2").tobytes()[:-1], "has 131071 bytes, a raw table has 131072"),
    "empty.bin": (b"", "has 0 bytes"),
    "huge.bin": (bytes(5_000_000), "has more than 4194304 bytes"),
    "short.csv": (b"1,2,3", "has 3 numbers, a table has 65536"),
    "word.csv": (
        b"1," * 65535 + b"x",
        "holds 'x' as entry 65535, a table holds integers of 32 bits",
    ),
    "wide.csv": (b"1," * 65535 + b"9999999999", "holds '9999999999' as entry 65535"),
    "real.csv": (b"0.5," * 65535 + b"1", r"holds '0\.5' as entry 0"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files_are_one_sentence(name: str, tmp_path: Path) -> None:
    content, text = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=text) as caught:
        multipliers.from_table(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        multipliers.from_table(tmp_path / "none.bin")


@pytest.mark.parametrize("format", ["int8", "uint8"])
def test_functions(format: str) -> None:
    asked = []

    def product(a: int, w: int) -> float:
        asked.append(a)
        return float(a * w)

    made = multipliers.from_function(product, format=format)
    assert torch.equal(made.table(format), multipliers.exact().table(format))
    assert (min(asked), max(asked)) == ((-128, 127) if format == "int8" else (0, 255))


def test_c_functions() -> None:
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    library.fdim.argtypes, library.fdim.restype = [ctypes.c_double] * 2, ctypes.c_double
    made = multipliers.from_function(library.fdim)  # max(a - w, 0): the operand order shows
    expected = (np.arange(256)[:, None] - np.arange(256)).clip(min=0)
    assert made == multipliers.from_table(expected.astype(np.int32))


def fails(a: int, w: int) -> int:
    return a // (w - 3)


@pytest.mark.parametrize(
    "function, text",
    [
        (
            fails,
            r"raised ZeroDivisionError \(.*\) for \(0, 3\), it must return an integer for every",
        ),
        (
            lambda a, w: math.nan if a == 2 else 0,
            r"returned NaN for \(2, 0\), it must return an int",
        ),
        (lambda a, w: math.inf, r"returned inf for \(0, 0\)"),
        (lambda a, w: a * w / 2, r"returned 0\.5 for \(1, 1\)"),
        (lambda a, w: None, r"returned None for \(0, 0\)"),
        (lambda a, w: "7", r"returned '7' for \(0, 0\)"),
        (lambda a, w: 2**31, r"returned 2147483648 for \(0, 0\), it must return an integer of 32"),
    ],
)
def test_bad_functions_are_one_sentence(function, text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        multipliers.from_function(function)
    assert "\n" not in str(caught.value)


def test_functions_have_a_known_format() -> None:
    with pytest.raises(
        ValueError, match="format is 'float64', a function is sampled in int8, uint8 "
    ):
        multipliers.from_function(lambda a, w: a * w, format="float64")
