# SPDX-License-Identifier: Apache-2.0
"""`describe`: what is known of a multiplier in one number format."""

import json
from dataclasses import dataclass
from functools import cache

from convwright import _approx_ops
from convwright.multipliers._multiplier import INTEGER_FORMATS, Multiplier

# Published savings, only where the abstract itself states them.
# (statement, source, least of them in percent)
_ENERGY = {
    "drum": (
        "power savings of 54% to 80%, depending on k, against an exact 16-bit multiplier",
        "Hashemi, Bahar, Reda: DRUM, ICCAD 2015, abstract",
        54.0,
    ),
    "lmul": (
        "potentially 95% of the energy of element-wise float multiplications, 80% of dot products'",
        "Luo, Sun: Addition Is All You Need, arXiv 2410.00907, abstract",
        80.0,
    ),
}
# Of a multiply-add in a register kernel, measured on one AVX-512 core;
# docs/approximate-multipliers.md has the rates.
_COSTS = {
    "exact": "1 exact product",
    "zero": "none",
    "zeros": "none",
    "transform": "1 exact product, and one pass over the operands",
    "low rank": "some exact float32 products",
    "log": "1 to 3.5 times an exact float32 product",
    "table": "about 3 times an exact float32 product with AVX-512 VBMI",
}


@dataclass(frozen=True)
class Description:
    """Relative errors are in percent of the exact product, over pairs of non-zero operands."""

    multiplier: str
    number_format: str
    mean_abs: float  # mean of |error|
    bias: float  # mean error
    min: float
    max: float
    exhaustive: bool  # every pair (8 bits), else a sample of uniform fractions
    kind: str  # its class: "exact", "zeros", "transform", "low rank", "log" or "table"
    engine: str  # what computes it, in words
    rank: int | None  # of the table of products; None where there is none
    products: int | None  # exact int8 products for one of it; None where the engine has none
    cost: str  # predicted, for one multiply-add
    energy: str | None  # a published saving, in its source's words
    energy_source: str | None
    energy_saving: float | None  # the least that is published, percent

    def __str__(self) -> str:
        sampled = "all pairs" if self.exhaustive else "sampled"
        lines = [
            f"{self.multiplier} in {self.number_format}",
            f"  error   mean {self.mean_abs:.4g}%, bias {self.bias:+.4g}%, "
            f"range {self.min:.4g}% to {self.max:.4g}% ({sampled})",
            f"  engine  {self.engine}" + (f", rank {self.rank}" if self.rank else ""),
            f"  cost    {self.cost}",
        ]
        if self.energy is not None:
            lines.append(f"  energy  {self.energy} ({self.energy_source})")
        return "\n".join(lines)


@cache
def describe(multiplier: Multiplier, number_format: str | None = None) -> Description:
    """See Multiplier.describe. Figures of floats come from a sample that is always the same."""
    number_format = number_format or multiplier.number_formats[0]
    multiplier.check_format(number_format)
    if multiplier.mantissa_table is not None:
        text = _approx_ops.ask("describe_mantissa_table", multiplier.mantissa_table)
    elif multiplier.entries is not None:
        signed = number_format == "int8"
        text = _approx_ops.ask("describe_table", multiplier.table(number_format), signed)
    else:
        text = _approx_ops.ask("describe_multiplier", multiplier.text, number_format)
    found = json.loads(text)
    energy, source, saving = _ENERGY.get(multiplier.name, (None, None, None))
    return Description(
        multiplier=multiplier.text,
        number_format=number_format,
        mean_abs=found["mean_abs"],
        bias=found["bias"],
        min=found["min"],
        max=found["max"],
        exhaustive=number_format in INTEGER_FORMATS,
        kind=found["class"],
        engine=found["engine"],
        rank=found.get("rank") or None,
        products=found.get("products") or None,
        cost=_cost(found["class"], found.get("products")),
        energy=energy,
        energy_source=source,
        energy_saving=saving,
    )


def _cost(kind: str, products: int | None) -> str:
    if products:
        return f"{products} exact int8 product{'s' if products > 1 else ''}"
    return _COSTS.get(kind, "unknown")
