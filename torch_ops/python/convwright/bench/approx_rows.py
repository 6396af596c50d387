# SPDX-License-Identifier: Apache-2.0
"""Rows of layers with an approximate multiplier.

The ratio is that of PyTorch's exact convolution: what the approximation costs, or saves. How much
faster Convwright is than the same product in PyTorch stands beside it.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

from convwright.bench import approx_sides, sides, timing
from convwright.bench.gpu import GpuBench
from convwright.bench.problems import Problem
from convwright.bench.results import OUR_BEST
from convwright.bench.rows import Bench, Task
from convwright.bench.sides import Operands, Run


@dataclass(frozen=True)
class ApproxBench(Bench):
    """What all rows of approximate layers have in common."""

    @classmethod
    def like(cls, bench: Bench) -> "ApproxBench":
        return cls(**{f.name: getattr(bench, f.name) for f in fields(bench)})

    def _operands(self, problem: Problem) -> Operands:
        """An activation behind a ReLU: half of it zeros, which the log family computes apart."""
        drawn = super()._operands(problem)
        return replace(drawn, input=drawn.input.relu())

    def _sides(self, problem: Problem, direction: str, operands: Operands) -> dict[str, Run]:
        runs = approx_sides.make_ours(problem, direction, operands)
        runs |= self._torch_sides(problem, direction, operands)
        form = approx_sides.make_form(problem, direction, operands)
        return runs if form is None else runs | {approx_sides.FORM: form}

    def _add_extras(self, runs: dict[str, Run], task: Task, operands: Operands) -> list[str]:
        notes = []
        if "untuned" in self.extras:
            ours = approx_sides.make_ours(task.problem, task.direction, operands)
            runs[sides.UNTUNED] = sides.Untuned(ours[OUR_BEST])
        if "autoscheduler" in self.extras:
            notes.append(f"{sides.AUTOSCHEDULED} has no approximate products")
        if "compile" in self.extras and approx_sides.FORM in runs:
            form = approx_sides.make_form(task.problem, task.direction, operands, compiled=True)
            try:
                sides.compile_now(form, task.direction)
                runs[approx_sides.COMPILED_FORM] = form
            except RuntimeError as error:
                notes.append(f"{approx_sides.COMPILED_FORM} could not be compiled: {error}")
        return notes

    def _check(
        self, problem: Problem, direction: str, operands: Operands, runs: dict[str, Run]
    ) -> None:
        approx_sides.check(problem, direction, operands, runs)

    def _judge(self, task: Task, taken: timing.Timing, notes: list[str]) -> dict[str, Any]:
        row = super()._judge(task, taken, notes)
        product, ours = task.problem.product, taken.sides[OUR_BEST].median
        forms = [
            taken.sides[name].median
            for name in (approx_sides.FORM, approx_sides.COMPILED_FORM)
            if name in taken.sides
        ]
        return row | {
            "multiplier": product.multiplier.text,
            "number_format": product.number_format,
            "gproducts": task.problem.approximate_products / ours / 1e9,
            **({"unfold_ratio": min(forms) / ours} if forms else {}),
        }


@dataclass(frozen=True)
class GpuApproxBench(ApproxBench, GpuBench):
    """The same on a GPU: a reference of the CPU, cuDNN's sides and the GPU's clock."""
