r"""Makes text from outside printable, so that no control character of it reaches a terminal or a file.

Names, comments and labels can hold anything: terminal escapes, line breaks, marks that change the writing
direction, a thousand accents on one letter. The model keeps them unchanged. This module escapes them, as
``\n``, ``\x1b``, ``\u202e``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

#: Printable for Python, but blank on a screen: Hangul fillers, the blank of Braille, a note without a head.
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
#: Invisible marks: joiners and variation selectors.
_UNSEEN_MARKS = frozenset(
    [0x034F, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)
#: Combining marks that one letter keeps: Vietnamese and Hebrew need two, a flood has thousands.
MOST_MARKS = 2


def _written_out(letter: str) -> str:
    """Return the escaped form of a letter."""
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(letter)
    if named:
        return named
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "M" or unicodedata.combining(letter) != 0


def _visible(letter: str) -> str:
    if letter.isprintable() and letter not in BLANK and not _is_mark(letter):
        return letter
    return _written_out(letter)


@lru_cache(maxsize=8192)
def _escape_slowly(text: str) -> str:
    return "".join(map(_visible, text))


def escape(text: str) -> str:
    r"""Return the text with every letter escaped that is not plainly printable; for cells of a screen.

    Combining marks are escaped, too: terminals disagree about their width.
    """
    if text.isascii() and text.isprintable():
        return text
    if len(text) > 4096:
        # no pane is wider; escaping the rest would only take time
        return "".join(map(_visible, text[:4096])) + "…"
    return _escape_slowly(text)


def escape_lines(text: str) -> str:
    """Return several lines, each escaped."""
    return "\n".join(escape(line) for line in text.split("\n"))


def printable(text: str, limit: int = 0) -> str:
    r"""Return the text as one line of a report: as ``escape``, but a letter keeps its first combining marks.

    limit: at most that many letters, "…" for the rest; 0: all.
    """
    cut = bool(limit) and len(text) > limit
    if cut:
        text = text[: limit - 1]
    if not text.isascii() or not text.isprintable():
        text = "".join(_with_marks(text))
    return text + "…" if cut else text


def _with_marks(text: str) -> Iterator[str]:
    #: the marks that the letter may still have; 0 at the start of a line
    left = 0
    for letter in text:
        if not letter.isascii() and _is_mark(letter):
            if left and ord(letter) not in _UNSEEN_MARKS and letter.isprintable():
                left -= 1
                yield letter
            else:
                yield _written_out(letter)
            continue
        shown = _visible(letter)
        left = MOST_MARKS if shown == letter else 0
        yield shown


def inert(text: str) -> str:
    """Return the text with only printable letters and line ends; every report passes through it."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "\n".join(printable(line) for line in text.split("\n"))
