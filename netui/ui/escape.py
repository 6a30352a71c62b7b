"""Text in cells: cut and padded to a width, in ASCII where need be, and the last gate before the terminal.

Strangers' text is made visible before (netui/text/visible.py). Textual's markup is never
involved: the panes build their strips from plain text.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from netui.text.visible import BLANK, escape

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
        "▌": "|",
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


def clip(text: str, width: int) -> str:
    """Cut to ``width`` cells, with ``…`` where something was cut off."""
    if width <= 0:
        return ""
    if len(text) <= width and (text.isascii() or cell_len(text) <= width):
        return text
    if text.isascii():
        return text[: width - 1] + "…"
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def clip_middle(text: str, width: int) -> str:
    """Cut out of the middle: chains and bridges differ at their ends."""
    if not text.isascii() or len(text) <= width or width < 5:
        return clip(text, width)
    tail = max(2, (width - 1) // 3)
    return f"{text[: width - 1 - tail]}…{text[-tail:]}"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Cut or pad to exactly ``width`` cells."""
    text = clip(text, width)
    blank = " " * (width - (len(text) if text.isascii() else cell_len(text)))
    return blank + text if right else text + blank


def to_ascii(text: str) -> str:
    """Return the text in ASCII alone, netui's own signs as their nearest relatives."""
    if text.isascii():
        return text
    text = text.translate(_ASCII)
    if text.isascii():
        return text
    return "".join(
        letter if letter.isascii() else (f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}")
        for letter in text
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


def joined(parts: Sequence[str], separator: str = ", ", limit: int = 6) -> str:
    """Join escaped parts; more than ``limit`` are counted, not listed."""
    shown = [escape(part) for part in parts[:limit]]
    if len(parts) > limit:
        shown.append(f"+{len(parts) - limit} more")
    return separator.join(shown)
