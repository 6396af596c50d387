# SPDX-License-Identifier: Apache-2.0
"""Problems to time, and what each must compute and move at least."""

import math
from dataclasses import dataclass
from pathlib import Path

from convwright import check, multipliers
from convwright.multipliers._multiplier import FLOAT_FORMATS

SUITES = Path(__file__).parent / "suites"
PASSES = ("fprop", "dgrad", "wgrad")
# step: forward and backward of the layer, for input and weight; inference: the layer's forward.
DIRECTIONS = (*PASSES, "step", "inference")
_PASSES_OF = {"step": PASSES, "inference": ("fprop",)} | {p: (p,) for p in PASSES}
_FLOAT = 4  # bytes


class BadProblem(ValueError):
    """A suite or a problem string is not what it should be. The text says where and why."""


@dataclass(frozen=True)
class Work:
    """What one pass must do at least."""

    flops: float  # a multiply-add is 2; products with padding are counted
    bytes: float  # compulsory: each element that is needed, once


@dataclass(frozen=True)
class Product:
    """An approximate multiplier in place of the exact product."""

    multiplier: multipliers.Multiplier
    number_format: str

    @property
    def is_float(self) -> bool:
        return self.number_format in FLOAT_FORMATS

    def __str__(self) -> str:
        """As it stands behind a problem string: "mbm", "drum(4)_int8"."""
        text = self.multiplier.text.replace(" ", "")
        return text if self.number_format == "float32" else f"{text}_{self.number_format}"


@dataclass(frozen=True)
class Problem:
    """One convolution, of any direction; sizes in elements. Both memory formats are timed."""

    text: str  # a problem string, fprop; behind it, if there is one, the multiplier
    input_sizes: tuple[int, int, int, int]  # n, ci, ih, iw
    weight_sizes: tuple[int, int, int, int]  # co, ci/groups, kh, kw
    output_sizes: tuple[int, int, int, int]  # n, co, oh, ow
    geometry: tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]
    has_bias: bool
    product: Product | None = None  # None: the exact one

    @property
    def directions(self) -> tuple[str, ...]:
        """Integer formats have no gradients of their own products."""
        exact_gradients = self.product is not None and not self.product.is_float
        return ("fprop", "step", "inference") if exact_gradients else DIRECTIONS

    def text_for(self, direction: str) -> str:
        """The problem string of a direction; a layer's is that of its forward."""
        if direction in ("dgrad", "wgrad"):
            return direction + self.text.removeprefix("fprop").replace("_bias", "", 1)
        return self.text

    @property
    def approximate_products(self) -> int:
        """Of the multiplier, in any direction: a step's gradients are exact. Padding counts."""
        if self.product is None:
            return 0
        return math.prod(self.output_sizes) * self.products("fprop")

    def products(self, direction: str) -> int:
        """Products in one sum of one pass."""
        n, _, oh, ow = self.output_sizes
        co, ci_per_group, kh, kw = self.weight_sizes
        return {
            "fprop": ci_per_group * kh * kw,
            "dgrad": co // self.geometry[3] * kh * kw,
            "wgrad": n * oh * ow,
        }[direction]

    def work(self, direction: str) -> list[Work]:
        """Of each pass that the direction runs."""
        n, ci, ih, iw = self.input_sizes
        n, co, oh, ow = self.output_sizes
        weight = math.prod(self.weight_sizes)
        output = n * co * oh * ow
        rows, columns = (self._touched(axis) for axis in (0, 1))
        touched = n * ci * rows * columns
        bias = co if self.has_bias else 0
        elements = {
            "fprop": touched + weight + bias + output,
            "dgrad": output + weight + n * ci * ih * iw,
            "wgrad": output + touched + weight,
        }
        flops = 2.0 * output * self.products("fprop")
        return [Work(flops, float(_FLOAT * elements[p])) for p in _PASSES_OF[direction]]

    def _touched(self, axis: int) -> int:
        """Rows (axis 0) or columns (1) of the input that some tap meets: strides may skip some."""
        size, out, taps = (
            s[2 + axis] for s in (self.input_sizes, self.output_sizes, self.weight_sizes)
        )
        stride, padding, dilation = (g[axis] for g in self.geometry[:3])
        met = {o * stride + tap * dilation - padding for o in range(out) for tap in range(taps)}
        return len(met & set(range(size)))


def parse(text: str) -> tuple[Problem, str]:
    """The problem of a problem string, and the direction that the string names.

    Behind an exact problem a multiplier may stand, and behind that a number format if it is not
    float32: "..._f32_nhwc_bias_drum(4)_int8". Raises BadProblem if the text does not parse.
    """
    exact, behind = check.split(text)
    try:
        parsed = check.parse(exact)
        product = _product(behind)
    except (RuntimeError, ValueError) as error:
        raise BadProblem(str(error).splitlines()[0]) from None
    _, rest = exact.split("_", 1)
    behind = f"_{product}" if product else ""
    return (
        Problem(
            f"fprop_{rest}{behind}",
            parsed.input_sizes,
            parsed.weight_sizes,
            tuple(check.output_sizes(parsed)),
            parsed.geometry,
            parsed.has_bias,
            product,
        ),
        parsed.direction,
    )


def _product(text: str) -> Product | None:
    """Of "drum(4)_int8"; None of nothing. Raises ValueError."""
    if not text:
        return None
    name, _, number_format = text.rpartition("_")
    if not name or number_format not in multipliers.NUMBER_FORMATS:
        name, number_format = text, "float32"
    multiplier = multipliers.parse(name)
    multiplier.check_format(number_format)
    return Product(multiplier, number_format)


def suite_names(folder: Path = SUITES) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.txt"))


def read_suite(name: str, folder: Path = SUITES) -> list[Problem]:
    """Problems of folder/name.txt: a string a line; empty lines and those with # in front skipped.

    Raises BadProblem, with file and line, if there is no such file or a line does not parse.
    """
    path = folder / f"{name}.txt"
    if not path.is_file():
        raise BadProblem(f"there is no suite {name!r}; there are: {', '.join(suite_names(folder))}")
    problems = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            problems.append(parse(text)[0])
        except BadProblem as error:
            raise BadProblem(f"{path.name}, line {number}: {error}") from None
    return problems
