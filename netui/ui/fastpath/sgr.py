"""Writes strips with only the changes of SGR attributes between segments.

Textual writes each segment with its complete style and a reset after it: some forty bytes, ten times in a row.
Adjacent segments mostly share background and attributes. Writing only the changes halves the output, which helps slow
connections and terminals.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rich.color import ColorSystem
from rich.console import Console
from textual.strip import Strip

#: The style at the start and end of a row.
_PLAIN = ""
#: The SGR numbers of the sixteen colours and the default colour, for foreground and background.
_INKS = frozenset(map(str, (*range(30, 38), 39, *range(90, 98))))
_GROUNDS = frozenset(map(str, (*range(40, 48), 49, *range(100, 108))))


def written(strip: Strip, console: Console) -> str:
    """Return the output for a strip, from the default style and back to it."""
    if strip._render_cache is None:
        if any(style is not None and style.link for _, style, _ in strip):
            return strip.render(console)
        strip._render_cache = "".join(_pieces(strip, console._color_system or ColorSystem.TRUECOLOR))
    return strip._render_cache


def _pieces(strip: Strip, colours: ColorSystem) -> Iterator[str]:
    before = _PLAIN
    for text, style, _ in strip:
        look = _PLAIN
        if style is not None:
            look = style._ansi if style._ansi is not None else Strip.render_ansi(style, colours)
        if look != before:
            yield _change(before, look)
            before = look
        yield text
    if before != _PLAIN:
        yield _change(before, _PLAIN)


@lru_cache(maxsize=4096)
def _change(before: str, now: str) -> str:
    """Return the sequence that changes one style into another; both as SGR numbers."""
    if now == _PLAIN:
        return "\x1b[0m"
    attributes, ink, ground = _parts(now)
    old_attributes, old_ink, old_ground = _parts(before)
    anew = f"\x1b[0;{now}m"
    if old_attributes and old_attributes != attributes:
        # terminals differ in the numbers that reset a single attribute
        return anew
    changes = [] if attributes == old_attributes else [attributes]
    if ink != old_ink:
        changes.append(ink or "39")
    if ground != old_ground:
        changes.append(ground or "49")
    changed = f"\x1b[{';'.join(changes)}m"
    return changed if len(changed) <= len(anew) else anew


@lru_cache(maxsize=4096)
def _parts(look: str) -> tuple[str, str, str]:
    """Split a style into attributes, foreground and background."""
    numbers = look.split(";") if look else []
    attributes: list[str] = []
    ink = ground = ""
    while numbers:
        first = numbers.pop(0)
        if first in ("38", "48"):
            count = 4 if numbers[0] == "2" else 2
            colour = ";".join([first, *numbers[:count]])
            del numbers[:count]
        else:
            colour = first
        if first == "38" or first in _INKS:
            ink = colour
        elif first == "48" or first in _GROUNDS:
            ground = colour
        else:
            attributes.append(first)
    return ";".join(attributes), ink, ground
