"""The last gate before the terminal, and netui's signs in ASCII.

Textual's markup is never involved: the panes build their strips from plain text.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from netui.text.visible import BLANK

#: What stands for netui's own signs where the terminal has no UTF-8; one cell each.
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
    """The last gate before the terminal, for every widget, Textual's own included.

    ascii: the terminal has no UTF-8; letters that it cannot show are written out.
    Each cell keeps its width, so that a strip stays as long as its widget is wide.
    """

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__(enabled=True)
        self.ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments with what must not be written replaced."""
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
                letter if letter.isascii() else (known if len(known := letter.translate(_ASCII)) == 1 else "?")
                for letter in text
            )
            text = "".join(letter if letter.isascii() else "?" * max(1, cell_len(letter)) for letter in text)
        if text.isprintable() and BLANK.isdisjoint(text):
            return text
        return "".join(
            letter if letter.isprintable() and letter not in BLANK else "?" * max(1, cell_len(letter))
            for letter in text
        )
