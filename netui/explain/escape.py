"""Strangers' text made safe to show: nothing of it reaches a terminal as a control code."""

from __future__ import annotations

import unicodedata

#: Categories that a terminal could act on or that hide text: controls, formats (bidi
#: among them), surrogates, private use, unassigned, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, limit: int = 0) -> str:
    r"""Return the text with every letter that a terminal could act on written as ``\xNN`` or ``\uNNNN``.

    limit: at most that many letters, "…" for the rest; 0: all.
    """
    cut = bool(limit) and len(text) > limit
    if cut:
        text = text[: limit - 1]
    if not text.isascii() or not text.isprintable():
        text = "".join(_escaped(letter) for letter in text)
    return text + "…" if cut else text


def _escaped(letter: str) -> str:
    if unicodedata.category(letter) not in _HIDDEN:
        return letter
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
