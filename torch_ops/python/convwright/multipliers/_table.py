# SPDX-License-Identifier: Apache-2.0
"""Multipliers from arrays, files and functions: of 8 bits, and of float fractions."""

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convwright import _approx_ops
from convwright.multipliers._multiplier import INTEGER_FORMATS, Multiplier

_ENTRIES = 256 * 256
_LEAST, _MOST = -(2**31), 2**31 - 1
_MOST_BITS, _CARRY = 11, 1 << 23  # of a table of fractions
_TYPES = (torch.int16, torch.uint16, torch.int32)
_LARGEST_FILE = 1 << 22  # bytes; 65,536 numbers of 11 characters with generous separators


def from_table(source: Any, *, signed: bool = False, format: str | None = None) -> Multiplier:
    """The 8-bit multiplier whose products stand in an array or a file; with `format` "float32" the
    float multiplier whose products of fractions do.

    `source` is a NumPy array or a tensor, [256, 256] or [65536], int16, uint16 or int32, or the
    path of a file: `.csv`, 65,536 decimal integers separated by commas, semicolons, blanks or line
    breaks; any other name, 65,536 raw little-endian uint16 and nothing else (int16 where `signed`),
    or as many int32. Entry `[a][w]` is the product of activation byte a and weight byte w; signed
    operands are in two's-complement order, 0..127 then -128..-1.

    The multiplier exists in "int8" where `signed`, else in "uint8".

    A table of fractions is an array or tensor of int32, [2^m, 2^m] or [4^m] with m from 1 to 11.
    Operands are cut to m fraction bits; entry `[i][j]` is for 1.i (activation) times 1.j (weight),
    the result scaled to [1, 2): 23 fraction bits, and bit 23 where the product is 2 or more.
    Exponents and signs are added outside. The multiplier exists in "float32" and "bfloat16".

    Raises ValueError with one sentence, or TypeError for a source of another kind; what the
    operating system raises, for a file that cannot be read.
    """
    if format == "float32":
        return _of_fractions(source)
    number_format = "int8" if signed else "uint8"
    if format not in (None, number_format):
        raise ValueError(
            f"format is {format!r}, with signed={signed} it must be {number_format!r} or 'float32'"
        )
    if isinstance(source, str | os.PathLike):
        return _multiplier(_from_file(Path(source), signed), number_format)
    return _multiplier(_from_array(source), number_format)


def from_function(
    function: Callable[..., Any], *, format: str = "uint8", mantissa_bits: int = 7
) -> Multiplier:
    """The multiplier that `function(activation, weight)` computes, sampled on all pairs.

    `function` is a Python callable or a C function of ctypes (argtypes and restype set as it needs
    them); it gets integers of the format, -128..127 or 0..255, and returns an integer of 32 bits,
    as int or as a float without a fraction. With `format` "float32" it gets floats in [1, 2) of
    `mantissa_bits` fraction bits and returns their product, from 1 to less than 4, which is cut to
    float32. Raises ValueError with one sentence that names the pair where it raises, or returns
    NaN or anything else.
    """
    if format == "float32":
        return _sampled_fractions(function, mantissa_bits)
    if format not in INTEGER_FORMATS:
        raise ValueError(
            f"format is {format!r}, a function is sampled in {', '.join(INTEGER_FORMATS)} or "
            "float32"
        )
    operands = [b - 256 if format == "int8" and b >= 128 else b for b in range(256)]
    values = [_sample(function, a, w) for a in operands for w in operands]
    return _multiplier(torch.tensor(values, dtype=torch.int32), format)


def _sampled_fractions(function: Callable[[float, float], Any], bits: int) -> Multiplier:
    if not isinstance(bits, int) or not 1 <= bits <= _MOST_BITS:
        raise ValueError(f"mantissa_bits is {bits!r}, it must be an integer from 1 to {_MOST_BITS}")
    operands = [1 + i / (1 << bits) for i in range(1 << bits)]
    entries = [_fraction_entry(function, a, w) for a in operands for w in operands]
    return _of_fractions(torch.tensor(entries, dtype=torch.int32))


def _fraction_entry(function: Callable[[float, float], Any], a: float, w: float) -> int:
    value = _call(function, a, w, "a number from 1 to less than 4")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, str) or not 1 <= number < 4:  # a NaN is not
        shown = "NaN" if isinstance(value, float) and math.isnan(value) else repr(value)
        raise ValueError(
            f"the multiplier function returned {shown} for ({a}, {w}), it must return a number "
            "from 1 to less than 4"
        )
    carry = number >= 2
    return int((number / 2 if carry else number) * _CARRY) - _CARRY | carry * _CARRY


def _of_fractions(source: Any) -> Multiplier:
    if isinstance(source, str | os.PathLike):
        raise TypeError("a table of fractions is an array or a tensor, not the path of a file")
    array = source if isinstance(source, Tensor) else _array_tensor(source)
    if array.dtype != torch.int32:
        raise ValueError(f"the table of fractions holds {_name(array.dtype)}, it must hold int32")
    entries = array.detach().cpu().reshape(-1).contiguous()
    _approx_ops.ask("describe_mantissa_table", entries)  # the library's checks
    return Multiplier("table", entries=entries.numpy().tobytes(), table_format="float32")


def _call(function: Callable[..., Any], a: float, w: float, wanted: str) -> Any:
    try:
        return function(a, w)
    except Exception as error:
        raise ValueError(
            f"the multiplier function raised {type(error).__name__} ({error}) for ({a}, {w}), "
            f"it must return {wanted} for every pair"
        ) from error


def _sample(function: Callable[[int, int], Any], a: int, w: int) -> int:
    value = _call(function, a, w, "an integer")
    try:
        integer = int(value)
        whole = integer == value
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or isinstance(value, str):
        shown = "NaN" if isinstance(value, float) and math.isnan(value) else repr(value)
        raise ValueError(
            f"the multiplier function returned {shown} for ({a}, {w}), it must return an integer"
        )
    if not _LEAST <= integer <= _MOST:
        raise ValueError(
            f"the multiplier function returned {integer} for ({a}, {w}), "
            "it must return an integer of 32 bits"
        )
    return integer


def _multiplier(values: Tensor, number_format: str) -> Multiplier:
    return Multiplier(
        "table", entries=values.contiguous().numpy().tobytes(), table_format=number_format
    )


def _from_array(array: Any) -> Tensor:
    if not isinstance(array, Tensor):
        array = _array_tensor(array)
    if array.dtype not in _TYPES:
        raise ValueError(
            f"the table holds {_name(array.dtype)}, it must hold int16, uint16 or int32"
        )
    if tuple(array.shape) not in ((256, 256), (_ENTRIES,)):
        raise ValueError(
            f"the table's shape is {tuple(array.shape)}, it must be (256, 256) or ({_ENTRIES},)"
        )
    return array.detach().cpu().to(torch.int32).reshape(-1)


def _array_tensor(array: Any) -> Tensor:
    if not hasattr(array, "__array__"):
        raise TypeError(
            f"the table is a {type(array).__name__}, it must be an array, a tensor or the path "
            "of a file"
        )
    return _tensor_of(array)


def _tensor_of(array: Any) -> Tensor:
    import numpy

    array = numpy.asarray(array)
    try:
        # In the machine's byte order and without negative strides, neither of which torch takes.
        return torch.from_numpy(
            numpy.ascontiguousarray(array, array.dtype.newbyteorder("=")).copy()
        )
    except TypeError:
        raise ValueError(
            f"the table holds {array.dtype}, it must hold int16, uint16 or int32"
        ) from None


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _from_file(path: Path, signed: bool) -> Tensor:
    with path.open("rb") as file:
        content = file.read(_LARGEST_FILE + 1)
    if path.suffix.lower() == ".csv":
        return _from_csv(path, content)
    for size, dtype in ((2, torch.int16 if signed else torch.uint16), (4, torch.int32)):
        if len(content) == size * _ENTRIES:
            return torch.frombuffer(bytearray(content), dtype=dtype).to(torch.int32)
    size = "more than 4194304" if len(content) > _LARGEST_FILE else str(len(content))
    raise ValueError(
        f"{path} has {size} bytes, a raw table has {2 * _ENTRIES} (uint16) or {4 * _ENTRIES} "
        "(int32)"
    )


def _from_csv(path: Path, content: bytes) -> Tensor:
    words = re.split(rb"[,;\s]+", content.removeprefix(b"\xef\xbb\xbf").strip(b",; \t\r\n"))
    if len(words) != _ENTRIES:
        raise ValueError(f"{path} has {len(words)} numbers, a table has {_ENTRIES}")
    values = []
    for number, word in enumerate(words):
        if not re.fullmatch(rb"[+-]?\d{1,10}", word) or not _LEAST <= int(word) <= _MOST:
            shown = word[:20].decode(errors="replace")
            raise ValueError(
                f"{path} holds {shown!r} as entry {number}, a table holds integers of 32 bits"
            )
        values.append(int(word))
    return torch.tensor(values, dtype=torch.int32)
