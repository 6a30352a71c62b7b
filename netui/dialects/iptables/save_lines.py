"""Where a line of an iptables save ends.

A rule is one line, but a comment is printed with its newlines as they are
(libxtables, xtables_save_string), so inside double quotes a line end ends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRING = re.compile(r' "(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRING_END = re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL)


def has_multiline_string(text: str) -> bool:
    """Whether a newline might stand inside quotes; true also where quotes do not pair up."""
    if '"' not in text:
        return False
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    return any("\n" in inside for inside in text.split('"')[1::2])


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line) with the lines of a quoted string in one piece.

    Linear in the text: a quote that nothing closes is looked for once.
    """
    lines = text.split("\n")
    multiline = has_multiline_string(text)
    position = 0
    while position < len(lines):
        line = lines[position]
        end = position + 1
        if multiline and '"' in line and not line.startswith("#") and _opens(line):
            closed = _closing_line(lines, end)
            if closed is not None:
                end = closed + 1
                line = "\n".join(lines[position:end])
            else:
                multiline = False
        yield position + 1, line
        position = end


def _opens(line: str) -> bool:
    """Whether a line ends inside a string; iptables prints a blank before each string."""
    return ' "' in _STRING.sub("", line)


def _closing_line(lines: list[str], position: int) -> int | None:
    """Return the line in which a string open before ``position`` ends, with no other left open."""
    while position < len(lines):
        end = _STRING_END.match(lines[position])
        if end is not None and not _opens(lines[position][end.end() :]):
            return position
        position += 1
    return None
