# SPDX-License-Identifier: Apache-2.0
"""Problems to time, and what each must compute and move at least."""

import math
from dataclasses import dataclass
from pathlib import Path

from convwright import check

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
class Problem:
    """One convolution, of any direction; sizes in elements. Both memory formats are timed."""

    text: str  # a problem string, fprop
    input_sizes: tuple[int, int, int, int]  # n, ci, ih, iw
    weight_sizes: tuple[int, int, int, int]  # co, ci/groups, kh, kw
    output_sizes: tuple[int, int, int, int]  # n, co, oh, ow
    geometry: tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]
    has_bias: bool

    def text_for(self, direction: str) -> str:
        """The problem string of a direction; a layer's is that of its forward."""
        if direction in ("dgrad", "wgrad"):
            return direction + self.text.removeprefix("fprop").removesuffix("_bias")
        return self.text

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

    Raises BadProblem if it does not parse.
    """
    try:
        parsed = check.parse(text)
    except (RuntimeError, ValueError) as error:
        raise BadProblem(str(error).splitlines()[0]) from None
    _, rest = text.split("_", 1)
    return (
        Problem(
            f"fprop_{rest}",
            parsed.input_sizes,
            parsed.weight_sizes,
            tuple(check.output_sizes(parsed)),
            parsed.geometry,
            parsed.has_bias,
        ),
        parsed.direction,
    )


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
