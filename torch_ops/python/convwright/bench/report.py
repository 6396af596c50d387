# SPDX-License-Identifier: Apache-2.0
"""Results as text: a table for each group of rows, and a summary; plain or markdown."""

from collections.abc import Sequence
from shlex import quote

from convwright._text_table import text_table
from convwright.bench import host_cost
from convwright.bench.results import OUR_BEST, SIDES
from convwright.bench.summary import Group, groups

_APPROXIMATE = ("Gproducts/s", "unfold ratio")
_JUDGED = ("ratio", "verdict", "GFLOP/s", "GB/s", "roofline", "PyTorch by", "kernel")
_SUMMARY_HEAD = (
    "suite",
    "direction",
    "caches",
    "rows",
    "mean",
    "minimum",
    "FAST",
    "AMBG",
    "SLOW",
    "errors",
)
LEGEND = (
    "Milliseconds, median and half the width from p20 to p80; * is PyTorch's better format.\n"
    "ratio = that one / convwright nhwc: above 1 Convwright is faster. FAST and SLOW where the\n"
    "intervals are apart, else AMBG. GFLOP/s, GB/s (compulsory bytes) and share of the roofline\n"
    "are those of convwright nhwc, and so are the kernels. On a GPU no side runs with TF32 but\n"
    "those that are called so, which are no part of the ratio. Of an approximate layer PyTorch's\n"
    "sides are the exact convolution, and unfold is the product written in PyTorch: unfold ratio\n"
    "is its fastest form / convwright nhwc."
)


def report(content: dict, markdown: bool = False) -> str:
    """All of a results file."""
    parts = [_about(content), LEGEND, _roofline(content)]
    found = groups(content["rows"])
    for group in found:
        parts += _group(group, markdown)
    if found:
        parts.append(
            text_table(_SUMMARY_HEAD, [_summary_row(g) for g in found], {0, 1, 2}, markdown)
        )
    if "host_cost" in content:
        lines = host_cost.lines(content["host_cost"])
        parts.append("\n".join(["```", *lines, "```"] if markdown else lines))
    if not content["finished"]:
        parts.append(f"Not all rows were measured: {content.get('stopped', 'interrupted')}.")
    return "\n\n".join(part for part in parts if part)


def one_line(row: dict) -> str:
    """For progress."""
    if "error" in row:
        return f"ERROR: {row['error']}"
    return f"{row['ratio']:.2f} {row['verdict']}"


def _about(content: dict) -> str:
    about = content["machine"]
    threads = "1 thread" if content["threads"] == 1 else f"{content['threads']} threads"
    where = f"{about['cpu']}, {about['isa']}, {threads}"
    if "gpu" in about:
        where = (
            f"{about['gpu']}, {about['architecture']}, driver {about['driver']}, "
            f"CUDA {about['cuda']}, cuDNN {about['cudnn']}"
        )
    return (
        f"{where}, {content['clock']}; "
        f"torch {about['torch']}, convwright {about['convwright']} {about['commit']}; "
        f"{content['date']}"
    )


def _roofline(content: dict) -> str:
    roofline = content.get("roofline")
    if roofline is None:
        return ""
    largest = max(roofline["copy_gbytes"], key=int)
    return (
        f"Roofline: {roofline['gflops']:.0f} GFLOP/s ({roofline['peak_of']}), "
        f"{roofline['copy_gbytes'][largest]:.1f} GB/s (copy in memory)."
    )


def _group(group: Group, markdown: bool) -> list[str]:
    title = f"{group.suite}, {group.direction}, {group.cache} caches"
    # Those of any row, in the order of the rows: not every layer has every side.
    sides = list(dict.fromkeys(side for row in group.timed for side in row["seconds"])) or SIDES
    approximate = any("gproducts" in row for row in group.timed)
    judged = (*_APPROXIMATE, *_JUDGED) if approximate else _JUDGED
    head = ("problem", *(side.replace("_", " ") for side in sides), *judged)
    left = {0, len(head) - 2, len(head) - 1}  # columns of text; numbers stand at the right
    rows = [_cells(row, sides, approximate) for row in group.rows]
    table = text_table(head, rows, left, markdown)
    first = group.rows[0]
    again = f"Repeat a row: {first['repeat'].replace(quote(first['problem']), 'PROBLEM')}"
    notes = [f"NOTE   {row['problem']}: {note}" for row in group.timed for note in row["notes"]]
    losses = [
        f"SLOW   {row['ratio']:.2f}  {row['repeat']}"
        for row in group.slowest_first
        if row["verdict"] == "SLOW"
    ]
    errors = [f"ERROR  {row['repeat']}\n       {row['error']}" for row in group.errors]
    below = [group.sentence(), again, *notes]
    if losses or errors:
        block = "\n".join([*errors, *losses])
        below.append(f"```\n{block}\n```" if markdown else block)
    return [f"### {title}" if markdown else title, table + "\n\n" + "\n".join(below)]


def repeat_line(problem: str, direction: str, cache: str, options: str) -> str:
    """The command that measures one row again; options are those of the whole run."""
    return (
        f"python -m convwright bench {quote(problem)} --direction {direction} {options}"
        f"{' --cold' if cache == 'cold' else ''}"
    )


def _cells(row: dict, sides: Sequence[str], approximate: bool) -> tuple[str, ...]:
    if "error" in row:
        missing = ["-"] * (len(sides) + (len(_APPROXIMATE) if approximate else 0))
        return (row["problem"], *missing, "-", "ERROR", *["-"] * 4, row["error"])
    percent, faster = row.get("roofline_percent"), row.get("unfold_ratio")
    products = ()
    if approximate:
        products = (f"{row['gproducts']:.2f}", "-" if faster is None else f"{faster:.1f}")
    return (
        row["problem"],
        *(_time(row["seconds"].get(side), side == row["torch_best"]) for side in sides),
        *products,
        f"{row['ratio']:.2f}",
        row["verdict"],
        f"{row['gflops']:.1f}",
        f"{row['gbytes']:.1f}",
        "-" if percent is None else f"{percent:.0f}%",
        torch_backend(row),
        " ".join(row["kernels"][OUR_BEST]) + (" (tuned)" if row.get("tuned") else ""),
    )


def torch_backend(row: dict) -> str:
    """Whose convolution PyTorch took in its better format; "-" in results of older versions."""
    return row.get("torch_backends", {}).get(row["torch_best"].rpartition("_")[2], "-")


def _time(samples: dict | None, best: bool) -> str:
    if samples is None:
        return "- "
    half = (samples["p80"] - samples["p20"]) / 2 / samples["median"]
    return f"{samples['median'] * 1e3:.3f} ±{half:3.0%}{'*' if best else ' '}"


def _summary_row(group: Group) -> tuple[str, ...]:
    timed = bool(group.timed)
    return (
        group.suite,
        group.direction,
        group.cache,
        str(len(group.timed)),
        f"{group.mean:.2f}" if timed else "-",
        f"{group.slowest_first[0]['ratio']:.2f}" if timed else "-",
        *(str(group.count(verdict)) for verdict in ("FAST", "AMBG", "SLOW")),
        str(len(group.errors)),
    )
