"""The last filter before the terminal, and netui's signs in ASCII.

Textual's markup is not used: the panes build their strips from plain text.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from netui.text.visible import BLANK

#: The ASCII replacements of netui's own signs, one cell each.
_ASCII = str.maketrans(
    {
        "…": "~",
        "→": ">",
        "←": "<",
        "↔": "=",
        "▸": "+",
        "▾": "-",
        "▶": ">",
        "●": "*",
        "○": "o",
        "◐": "o",
        "•": "*",
        "·": ".",
        "▲": "^",
        "△": "'",
        "✓": "v",
        "✗": "x",
        "?": "?",
        "▌": "#",
        "┃": "|",
        "│": "|",
        "├": "|",
        "└": "`",
        "─": "-",
        "━": "=",
        "┌": "+",
        "┐": "+",
        "┘": "+",
        "┏": "+",
        "┓": "+",
        "┗": "+",
        "┛": "+",
        "▁": "_",
        "▂": "_",
        "▃": "-",
        "▄": "-",
        "▅": "=",
        "▆": "=",
        "▇": "#",
        "█": "#",
        "▊": "|",
        "▎": "|",
        "▏": "|",
        "▕": "|",
        "▔": "-",
        "⚠": "!",
        "⏸": "=",
        "–": "-",
        "—": "-",
        "×": "x",
        "’": "'",
        "≤": "<",
        "≥": ">",
        "Δ": "d",
        "−": "-",
        "↳": "`",
        "⭘": "o",
        "❯": ">",
        "🔎": "?",
    }
)


class SafeFilter(LineFilter):
    """The last filter before the terminal, for every widget, including Textual's own.

    ascii: the terminal has no UTF-8; other letters are escaped. Each cell keeps its width, so a strip keeps the
    width of its widget.
    """

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__(enabled=True)
        self.ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments with forbidden characters replaced."""
        if all(text.isascii() and text.isprintable() for text, _, _ in segments):
            return segments
        return [
            segment if segment.control else Segment(self._safe(segment.text), segment.style) for segment in segments
        ]

    def _safe(self, text: str) -> str:
        if text.isascii() and text.isprintable():
            return text
        if self.ascii_only:
            text = "".join(
                letter
                if letter.isascii()
                else (plain_letter if len(plain_letter := letter.translate(_ASCII)) == 1 else "?")
                for letter in text
            )
            text = "".join(letter if letter.isascii() else "?" * max(1, cell_len(letter)) for letter in text)
        if text.isprintable() and BLANK.isdisjoint(text):
            return text
        return "".join(
            letter if letter.isprintable() and letter not in BLANK else "?" * max(1, cell_len(letter))
            for letter in text
        )
