# SPDX-License-Identifier: Apache-2.0
"""Tables as text: aligned columns, or markdown."""

from collections.abc import Collection, Sequence


def text_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: Collection[int],
    markdown: bool = False,
) -> str:
    """The table without a final newline; columns whose index is in `left` are text, the others
    numbers, which stand at the right."""
    if markdown:
        rule = ["---" if i in left else "---:" for i in range(len(head))]
        lines = [[cell.replace("|", "\\|") for cell in cells] for cells in (head, *rows)]
        lines.insert(1, rule)
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for cells in (head, *rows):
        padded = (
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
