# SPDX-License-Identifier: Apache-2.0
"""What an approximate call is asked for: a multiplier, a number format and a kind of backward."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from convwright.multipliers import GradientTable, Multiplier, gradient_table, parse
from convwright.multipliers._multiplier import FLOAT_FORMATS

BACKWARDS = ("ste", "approx", "derivative", "table")
# Models with a stated derivative, see _slopes.py; of the others the derivative is zero or unknown.
WITH_DERIVATIVE = ("exact", "mbm", "mitchell", "realm", "lmul", "pam", "roba")


@dataclass(frozen=True)
class Settings:
    """Checked: a combination that does not exist is refused with a ValueError of one sentence."""

    multiplier: Multiplier
    number_format: str
    backward: str
    gradient_table: GradientTable | None = None  # of backward "table"
    # Made once, as Dynamo does not trace how.
    text: str = field(init=False, repr=False)  # the multiplier's
    is_float: bool = field(init=False, repr=False)
    mantissa_table: Tensor | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.multiplier.text)
        object.__setattr__(self, "mantissa_table", self.multiplier.mantissa_table)
        object.__setattr__(self, "is_float", self.number_format in FLOAT_FORMATS)


def check_settings(
    multiplier: str | Multiplier, number_format: str, backward: str | GradientTable
) -> Settings:
    """The settings of a layer's arguments. Raises ValueError or TypeError with one sentence."""
    multiplier = parse(multiplier)
    multiplier.check_format(number_format)
    given = None
    if isinstance(backward, GradientTable):
        given, backward = backward, "table"
    accepted = _backwards(multiplier, number_format)
    if not isinstance(backward, str) or backward not in accepted:
        raise ValueError(
            f"backward is {backward!r}, with multiplier {multiplier} in {number_format} it must be "
            f"one of {', '.join(accepted)}"
        )
    if backward == "table":
        given = given or gradient_table(multiplier, number_format)
        if given.number_format != number_format:
            raise ValueError(
                f"the gradient table is of {given.number_format}, and number_format is "
                f"{number_format}"
            )
    return Settings(multiplier, number_format, backward, given)


def _backwards(multiplier: Multiplier, number_format: str) -> tuple[str, ...]:
    if number_format not in FLOAT_FORMATS:
        return "ste", "table"
    has_derivative = multiplier.name in WITH_DERIVATIVE
    return ("ste", "approx", "derivative") if has_derivative else ("ste", "approx")


def changed(settings: Settings, **changes: Any) -> Settings:
    """`settings` with some of multiplier, number_format and backward changed, checked as a whole.

    A backward "table" gets the slopes of a new multiplier, unless it is given ones.
    """
    values = {
        "multiplier": settings.multiplier,
        "number_format": settings.number_format,
        "backward": settings.backward,
        **changes,
    }
    same_table = values["multiplier"] == settings.multiplier and "number_format" not in changes
    if same_table and "backward" not in changes and settings.gradient_table is not None:
        values["backward"] = settings.gradient_table
    return check_settings(**values)
