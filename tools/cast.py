"""A recording of a terminal in asciinema's format, version 2: a header in JSON, then an event a line.

https://docs.asciinema.org/manual/asciicast/v2/ has the format. Codes: "o" is what the program wrote, "m" a marker.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """What happened at a time, in seconds since the start."""

    at: float
    code: str
    text: str


@dataclass(frozen=True)
class Cast:
    """A recording: the terminal's size, and its events in order."""

    width: int
    height: int
    title: str
    events: tuple[Event, ...]

    def squeezed(self, idle: float) -> Cast:
        """Return the same with no pause longer than this."""
        events, before, now = [], 0.0, 0.0
        for event in self.events:
            now += min(event.at - before, idle)
            before = event.at
            events.append(Event(round(now, 3), event.code, event.text))
        return Cast(self.width, self.height, self.title, tuple(events))

    def write(self, path: Path) -> None:
        """Write it; nothing of the machine but the terminal's type stands in the header."""
        header = {"version": 2, "width": self.width, "height": self.height, "title": self.title}
        lines: list[Any] = [header | {"env": {"TERM": "xterm-256color"}}]
        lines.extend([event.at, event.code, event.text] for event in self.events)
        path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), encoding="utf-8")


def read(path: Path) -> Cast:
    """Read one; raises ValueError where it is not of version 2."""
    first, *rest = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    header = json.loads(first)
    if not isinstance(header, dict) or header.get("version") != 2:
        raise ValueError("the header is not of version 2")
    if not all(isinstance(header.get(name), int) and header[name] > 0 for name in ("width", "height")):
        raise ValueError("the header has no size")
    events = tuple(_event(number, json.loads(line)) for number, line in enumerate(rest, 2))
    for number, (one, other) in enumerate(pairwise(events), 3):
        if other.at < one.at:
            raise ValueError(f"line {number} is earlier than the line before it")
    return Cast(header["width"], header["height"], str(header.get("title", "")), events)


def _event(number: int, line: object) -> Event:
    match line:
        case [int() | float() as at, "o" | "i" | "m" | "r" as code, str() as text] if at >= 0:
            return Event(float(at), code, text)
    raise ValueError(f"line {number} is no event")
