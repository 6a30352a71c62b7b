"""Text tables."""

from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], *, gap: int = 2) -> list[str]:
    """Return the rows as lines, each column as wide as its widest cell; empty columns are left out."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    filled = [any(row[number] for row in rows[1:]) for number in range(len(widths))]
    lines = []
    for row in rows:
        cells = [
            f"{cell:<{width}}"
            for cell, width, keep in zip(row, widths, filled, strict=True)
            if keep
        ]  # fmt: skip
        lines.append((" " * gap).join(cells).rstrip())
    return lines
