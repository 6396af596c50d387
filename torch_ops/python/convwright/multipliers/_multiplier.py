# SPDX-License-Identifier: Apache-2.0
"""`Multiplier`, a value, and the built-in ones. The models are in the operator library."""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from convwright import _approx_ops

if TYPE_CHECKING:
    from convwright.multipliers._description import Description

FLOAT_FORMATS = ("float32", "bfloat16")
INTEGER_FORMATS = ("int8", "uint8")
NUMBER_FORMATS = FLOAT_FORMATS + INTEGER_FORMATS
"""What operands of a product can be; not every multiplier exists in every one."""
_NAMES = (
    "exact",
    "zeros",
    "mbm",
    "mitchell",
    "drum",
    "realm",
    "lmul",
    "pam",
    "ax_fpm",
    "truncate",
    "roba",
)


@dataclass(frozen=True, repr=False)
class Multiplier:
    """A model of a product. Immutable and comparable; made by the functions of this module.

    A table of 8-bit products has `entries`: 65,536 int32, lowest byte first, [activation byte * 256
    + weight byte], signed operands in two's-complement order. One of float fractions has 4^m of
    them, [activation's m bits * 2^m + weight's], a carry bit (bit 23) and the result's fraction.
    """

    name: str  # "mbm"; "table" for a table
    parameters: tuple[int, ...] = ()
    entries: bytes | None = None
    table_format: str | None = None  # "int8", "uint8" or "float32" of a table

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Multiplier({self.text!r})"

    @property
    def text(self) -> str:
        """Canonical: "mbm", "mbm(16)", "drum(6)"; a table's has its format and its hash."""
        if self.entries is not None:
            return f"table({self.table_format}, {hash_of(self.entries):016x})"
        inside = ", ".join(map(str, self.parameters))
        return f"{self.name}({inside})" if inside else self.name

    @property
    def number_formats(self) -> tuple[str, ...]:
        """The number formats in which it exists."""
        if self.entries is not None:
            return FLOAT_FORMATS if self.table_format in FLOAT_FORMATS else (self.table_format,)
        return tuple(_approx_ops.ask("multiplier_formats", self.text).split(","))

    def check_format(self, number_format: str) -> None:
        """Raises ValueError with one sentence unless the multiplier exists in this format."""
        if number_format not in NUMBER_FORMATS:
            raise ValueError(
                f"number_format is {number_format!r}, it must be one of {', '.join(NUMBER_FORMATS)}"
            )
        if number_format not in self.number_formats:
            raise ValueError(
                f"multiplier {self.text} does not exist in {number_format}, "
                f"only in {', '.join(self.number_formats)}"
            )

    def table(self, number_format: str) -> Tensor:
        """All products in "int8" or "uint8": int32 [65536], [activation byte * 256 + weight byte].

        Not to be written to: calls share it. Raises ValueError for a format it has no table in.
        """
        if number_format not in INTEGER_FORMATS:
            raise ValueError(
                f"number_format is {number_format!r}, tables exist in {', '.join(INTEGER_FORMATS)}"
            )
        self.check_format(number_format)
        return _table(self, number_format)

    def device_table(self, number_format: str, device: torch.device) -> Tensor:
        """What CUDA kernels read of `table`, on a GPU, int32. Copied once; not to be written to."""
        return _device_table(self, number_format, device)

    @property
    def mantissa_table(self) -> Tensor | None:
        """Entries of a table of float fractions, int32 [4^m]; else None. Not to be written to."""
        return _mantissa_table(self) if self.table_format in FLOAT_FORMATS else None

    def describe(self, number_format: str | None = None) -> "Description":
        """Error figures, rank, engine and cost in one format; by default the first it exists in."""
        from convwright.multipliers._description import describe

        return describe(self, number_format)


def hash_of(entries: bytes) -> int:
    """A short name for a table; equality compares all entries."""
    import hashlib

    return int.from_bytes(hashlib.sha256(entries).digest()[:8], "big")


@cache
@torch.inference_mode(False)  # whose tensors have no version, and are copied to a GPU in each call
def _mantissa_table(multiplier: Multiplier) -> Tensor:
    return torch.frombuffer(bytearray(multiplier.entries), dtype=torch.int32)


@cache
@torch.inference_mode(False)  # whose tensors have no version, and are copied to a GPU in each call
def _table(multiplier: Multiplier, number_format: str) -> Tensor:
    if multiplier.entries is not None:
        return torch.frombuffer(bytearray(multiplier.entries), dtype=torch.int32)
    return _approx_ops.ask("product_table", multiplier.text, number_format)


@cache
def _device_table(multiplier: Multiplier, number_format: str, device: torch.device) -> Tensor:
    table = multiplier.table(number_format)
    return _approx_ops.ask("int8_device_table", table, number_format == "int8").to(device)


def parse(multiplier: str | Multiplier) -> Multiplier:
    """The multiplier of a text; a Multiplier is returned as it is.

    Raises ValueError with one sentence that lists the known ones, TypeError for something else.
    """
    if isinstance(multiplier, Multiplier):
        return multiplier
    if not isinstance(multiplier, str):
        raise TypeError(
            f"multiplier is a {type(multiplier).__name__}, it must be a text such as 'mbm' or a "
            "convwright.multipliers.Multiplier"
        )
    text = _approx_ops.ask("parse_multiplier", multiplier.replace(" ", ""))
    name, inside = re.fullmatch(r"(\w+)(?:\((.*)\))?", text).groups()
    return Multiplier(name, tuple(map(int, inside.split(","))) if inside else ())


def names() -> tuple[str, ...]:
    """The built-in multipliers' names."""
    return _NAMES


def exact() -> Multiplier:
    """a*b, in every number format: the control."""
    return parse("exact")


def zeros() -> Multiplier:
    """Every product is 0, in every number format: shows that a model is in use at all."""
    return parse("zeros")


def mbm(t: int = 0) -> Multiplier:
    """Minimally biased multiplier: Mitchell's product plus 5/64; `t` fraction bits are dropped.

    t from 0 to 22, in 8 bits to 6. Saadat, Bokhari, Parameswaran, IEEE TCAD 37(11), 2018,
    doi 10.1109/TCAD.2018.2857262.
    """
    return parse(f"mbm({t})")


def mitchell() -> Multiplier:
    """Logarithms by Mitchell's straight line (IRE Trans. Electronic Computers, 1962)."""
    return parse("mitchell")


def drum(k: int) -> Multiplier:
    """k bits of each operand from its leading one on, the lowest set; k from 1 to 24.

    Hashemi, Bahar, Reda, ICCAD 2015.
    """
    return parse(f"drum({k})")


def realm(m: int = 4) -> Multiplier:
    """Mitchell's product and a correction for each of m x m segments; m is 4. Saadat et al. 2020"""
    return parse(f"realm({m})")


def lmul(mantissa_bits: int = 23) -> Multiplier:
    """L-Mul, one integer addition on the bits of floats. arXiv 2410.00907"""
    return parse(f"lmul({mantissa_bits})")


def pam() -> Multiplier:
    """Piecewise affine multiplication, Mitchell's on the bits of floats. arXiv 2305.17190"""
    return parse("pam")


def ax_fpm() -> Multiplier:
    """Ax-FPM of Defensive Approximation (ASPLOS 2021), float32. Activation and weight differ."""
    return parse("ax_fpm")


def truncate(bits: int) -> Multiplier:
    """Keeps the upper `bits` bits of the operands (of 8, or of a float's 24-bit significand)."""
    return parse(f"truncate({bits})")


def roba() -> Multiplier:
    """Rounding-based: Ar*b + a*Br - Ar*Br with Ar, Br the nearest powers of two, ties up."""
    return parse("roba")
