"""Counters as readable text."""

from __future__ import annotations

import re
from collections.abc import Sequence

import humanize

_BARS = "▁▂▃▄▅▆▇█"


def count(number: int, *, exact: bool = False) -> str:
    """Return a number of packets: 0, 999, 12.3k, 1.23M; every digit when ``exact``."""
    if exact:
        return f"{number:,}"
    if abs(number) < 1000:
        return str(number)
    return humanize.metric(number, precision=3).replace(" ", "")


def size(number: int, *, exact: bool = False) -> str:
    """Return a number of bytes: 0, 1023, 12.1K, 1.2M (of 1024); every digit when ``exact``."""
    if exact:
        return f"{number:,}"
    if abs(number) < 1024:
        return str(number)
    return humanize.naturalsize(number, gnu=True)


def rate(per_second: float) -> str:
    """Return packets a second: "" for none, 0.5/s, 12/s, 1.2k/s."""
    if per_second <= 0:
        return ""
    if per_second < 10:
        text = f"{per_second:.1f}".removesuffix(".0")
        return f"{text}/s" if text != "0" else "<0.1/s"
    return f"{count(round(per_second))}/s"


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw the last ``width`` values as bars relative to the largest one, a blank for zero."""
    shown = list(values)[-width:] if width > 0 else []
    top = max(shown, default=0)
    if top <= 0:
        return "▁" * len(shown)
    return "".join(_BARS[min(7, round(value / top * 7))] if value > 0 else "▁" for value in shown)


def exactly(number: int, word: str) -> str:
    """Return "1 packet", "12,345 packets"."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def natural(name: str) -> list[tuple[int, str]]:
    """Return the sort key by which app2 comes before app10."""
    return [(int(part[:18]) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name.lower())]


def plural(number: int, word: str) -> str:
    """Return "1 rule", "2 rules"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
