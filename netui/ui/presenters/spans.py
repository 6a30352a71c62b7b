"""Spans, the interface between presenters and panes: a line is a list of (text, role)."""

from __future__ import annotations

from itertools import zip_longest
from typing import Literal

from rich.cells import cell_len

from netui.ui.presenters.cells import first_cells, fits

#: The role of a text; ``netui.tcss`` has the style of each role.
Role = Literal[
    "", "dim", "strong", "name", "title", "good", "bad", "warn", "moved", "step", "mark", "target", "key", "number"
]
Span = tuple[str, Role]
Spans = list[Span]
#: Moving the cursor on a line costs about as much as writing so many cells.
_NEAR = 6


def plain(spans: Spans) -> str:
    """Return only the text."""
    return "".join(text for text, _ in spans)


def fitting(spans: Spans, width: int, first: int, *, quiet: bool = False) -> Spans:
    """Remove whole pieces from the end until the line fits; the ``first`` ones stay, and are cut if necessary.

    quiet: remove dim pieces before the others.
    """
    if sum(cell_len(text) for text, _ in spans) <= width:
        return spans
    kept = list(spans)
    while len(kept) > first and sum(cell_len(text) for text, _ in kept) > width:
        unimportant = [index for index in range(first, len(kept)) if kept[index][1] == "dim"] if quiet else []
        del kept[unimportant[-1] if unimportant else -1]
    return cut(kept, width)


def cut(spans: Spans, width: int) -> Spans:
    """Cut a line to ``width`` cells, with ``…`` where something was cut off."""
    left = width
    shown: Spans = []
    for text, role in spans:
        if not fits(text, left):
            return [*shown, (first_cells(text, max(0, left - 1)) + "…", role)] if left > 0 else shown
        shown.append((text, role))
        left -= cell_len(text)
    return shown


def changed_cells(before: Spans, after: Spans) -> list[tuple[int, int]]:
    """Return the ranges of cells (from, to) that changed in a line; near ranges are merged."""
    old, new = ([(letter, role) for text, role in spans for letter in text] for spans in (before, after))
    longer = max(len(old), len(new))
    if cell_len(plain(before)) != len(old) or cell_len(plain(after)) != len(new):
        # some letters are wide or have no width, so cells differ from letters
        return [(0, longer * 2)]
    nothing = (" ", "")
    runs: list[tuple[int, int]] = []
    for index, (then, now) in enumerate(zip_longest(old, new, fillvalue=nothing)):
        if then != now:
            if runs and index - runs[-1][1] <= _NEAR:
                runs[-1] = (runs[-1][0], index + 1)
            else:
                runs.append((index, index + 1))
    return runs


def wrap(spans: Spans, width: int, indent: int, most: int = 30) -> list[Spans]:
    """Wrap a line at blanks (else anywhere) into lines of ``width`` cells, the later ones indented.

    After ``most`` lines the rest is omitted.
    """
    width = max(width, indent + 8)
    if sum(cell_len(text) for text, _ in spans) <= width:
        return [spans]
    lines: list[Spans] = []
    line: Spans = []
    used = 0
    for text, role in spans:
        rest = text
        while rest:
            room = width - used
            if fits(rest, room):
                line.append((rest, role))
                used += cell_len(rest)
                break
            head = first_cells(rest, room).rstrip() if room > 0 else ""
            cut = head.rfind(" ")
            if cut > 0:
                head = head[:cut]
            elif used > indent and lines + line:
                # a word that does not fit starts on the next line
                head = "" if fits(rest.split(" ", 1)[0], width - indent) else head
            if head:
                line.append((head, role))
            rest = rest[len(head) :].lstrip(" ") if head else rest.lstrip(" ")
            lines.append(line)
            if len(lines) == most:
                lines[-1] = [*line, ("…", "dim")]
                return lines
            line, used = [(" " * indent, "")], indent
    lines.append(line)
    return lines
