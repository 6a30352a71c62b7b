"""Splits an iptables save into logical lines.

A rule is one line, but newlines in a comment are printed unescaped (libxtables, xtables_save_string). So a
newline inside double quotes does not end the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRING = re.compile(r' "(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRING_END = re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL)


def has_multiline_string(text: str) -> bool:
    """Whether a newline may be inside quotes; also true where the quotes are unbalanced."""
    if '"' not in text:
        return False
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    return any("\n" in inside for inside in text.split('"')[1::2])


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, logical line).

    Linear in the text: it searches only once for the end of an unclosed quote.
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
    """Return the line in which the string that is open before ``position`` ends, with no other string open."""
    while position < len(lines):
        end = _STRING_END.match(lines[position])
        if end is not None and not _opens(lines[position][end.end() :]):
            return position
        position += 1
    return None
