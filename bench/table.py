# SPDX-License-Identifier: Apache-2.0
"""Writes the speed table of README.md from results files, between two comments:

    <!-- speed:begin -->
    <!-- speed:end -->

    python bench/table.py bench/results/FILE.json...   # the table of these files
    python bench/table.py                              # again, of the files it was made from
    python bench/table.py --check                      # exit status 1 when it is not up to date

Exit status 2: no comments in README.md, or not a results file.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file: the checkout's root in place of this folder.
if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])
sys.path.append(str(Path(__file__).resolve().parents[1] / "torch_ops/python"))

from convwright.bench import results
from convwright.bench.results import OUR_BEST
from convwright.bench.summary import Group, groups

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- speed:begin -->", "<!-- speed:end -->"
_SOURCE = "<!-- made by: python bench/table.py {} -->"
_BLOCK = re.compile(re.escape(BEGIN) + r"\n.*?" + re.escape(END), re.DOTALL)
_LOSSES = 8  # rows of the second table


class NoTable(ValueError):
    """README.md has no place for the table, or the table does not name its files."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="results files of `convwright bench`"
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md", metavar="PATH")
    options = parser.parse_args(arguments)
    try:
        old = options.readme.read_text()
        files = [_relative(Path(name)) for name in options.files] or named_files(old)
        new = with_table(old, table(files))
    except (NoTable, results.BadResults, OSError) as error:
        parser.error(str(error))
    if new == old:
        return 0
    if options.check:
        command = f"python bench/table.py {' '.join(files)}"
        print(f"The speed table of {options.readme} is not up to date; run: {command}")
        return 1
    options.readme.write_text(new)
    return 0


def with_table(text: str, made: str) -> str:
    """`text` with `made` between the two comments. Raises NoTable where they are missing."""
    if not _BLOCK.search(text):
        raise NoTable(f"no table can be put in: the lines {BEGIN} and {END} are missing")
    return _BLOCK.sub(lambda _: f"{BEGIN}\n{made}\n{END}", text, count=1)


def named_files(text: str) -> list[str]:
    """The results files that the table in `text` was made from. Raises NoTable without any."""
    block = _BLOCK.search(text)
    source = re.search(_SOURCE.format("(.+)"), block.group()) if block else None
    if source is None:
        raise NoTable("the table names no results files; give them: python bench/table.py FILE...")
    return source.group(1).split()


def table(files: list[str]) -> str:
    """Markdown; `files` are relative to the checkout's root, or absolute. Raises BadResults."""
    contents = [results.read(ROOT / name) for name in files]
    parts = [_SOURCE.format(" ".join(files))]
    parts += [_part(content) for content in contents]
    return "\n\n".join(parts)


def _part(content: dict) -> str:
    about, found = content["machine"], groups(content["rows"])
    threads = "one thread" if content["threads"] == 1 else f"{content['threads']} threads"
    lines = [
        f"**{about['cpu']} ({about['isa']}), {threads}**, {content['clock']}, "
        f"PyTorch {about['torch']}, float32, {content['date']}. Ratio: PyTorch's time in its "
        "better memory format / Convwright's time, channels_last; above 1 Convwright is faster.",
        "",
        "| layers | direction | caches | rows | geometric mean | slowest "
        "| faster / within noise / slower |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
        *(_group_line(group) for group in found if group.timed),
    ]
    if losses := _losses(found):
        lines += ["", "Furthest behind:", "", *losses]
    lines += ["", *_host_cost(content)]
    errors = sum(len(group.errors) for group in found)
    if errors:
        lines.append(f"{errors} rows gave an error instead of a time.")
    if not content["finished"]:
        lines.append("Not all rows were measured.")
    return "\n".join(lines).rstrip()


def _group_line(group: Group) -> str:
    counts = " / ".join(str(group.count(verdict)) for verdict in ("FAST", "AMBG", "SLOW"))
    return (
        f"| {group.suite} | {group.direction} | {group.cache} | {len(group.timed)} "
        f"| {group.mean:.2f} | {group.slowest_first[0]['ratio']:.2f} | {counts} |"
    )


def _losses(found: list[Group]) -> list[str]:
    slow = [row for group in found for row in group.timed if row["verdict"] == "SLOW"]
    if not slow:
        return []
    slow.sort(key=lambda row: row["ratio"])
    return [
        "| problem | direction | ratio | Convwright ms | PyTorch ms | share of the roofline |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *(_loss_line(row) for row in slow[:_LOSSES]),
    ]


def _loss_line(row: dict) -> str:
    ours, theirs = (row["seconds"][side]["median"] * 1e3 for side in (OUR_BEST, row["torch_best"]))
    return (
        f"| `{row['problem']}` | {row['direction']} | {row['ratio']:.2f} | {ours:.2f} "
        f"| {theirs:.2f} | {row['roofline_percent']:.0f}% |"
    )


def _host_cost(content: dict) -> list[str]:
    costs = [
        f"{row['convwright_seconds'] * 1e6:.1f} us {row['what']} "
        f"(PyTorch {row['torch_seconds'] * 1e6:.1f})"
        for row in content.get("host_cost", [])
    ]
    return [f"Host cost of a call, a 1x1x1x1 convolution: {', '.join(costs)}."] if costs else []


def _relative(path: Path) -> str:
    """As the table names it: relative to the checkout where it lies inside."""
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
