"""A recording as one animated SVG: no script and no web font, so that it moves wherever a picture is shown.

Each row that differs is drawn once and used by all frames that show it; the frames stand side by side in one strip,
which CSS moves under a window of one frame. Where nothing moves (by the reader's wish, or in a viewer that knows no
CSS animation) the last frame is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import pyte
from pyte.screens import Char

from netui.ui.themes import DARK
from tools.cast import Cast

#: Of a cell, in pixels, and the letters' size in it.
CELL, LINE, SIZE = 8.4, 18, 14
#: Output that comes within this time, in seconds, is one frame.
TOGETHER = 0.09
#: How long the last frame stays, in seconds.
LAST = 3.0
_EDGE = 10
_FONTS = "'Fira Code','DejaVu Sans Mono',Menlo,Consolas,monospace"
#: What pyte takes for text: questions to the terminal and the keyboard's modes, with `<`, `=`, `>` or `$`.
_UNKNOWN = re.compile(r"\x1b\[[<=>?][0-9;]*(?:[ -/][@-~]|[^hl0-9; -/])")
_NAMED = {"black": "#000000", "red": "#cd3131", "green": "#0dbc79", "brown": "#e5e510", "blue": "#2472c8"}
_NAMED |= {"magenta": "#bc3fbc", "cyan": "#11a8cd", "white": "#e5e5e5"}


@dataclass(frozen=True)
class Run:
    """Letters of one look in a row."""

    column: int
    text: str
    colour: str
    background: str
    look: str


Row = tuple[Run, ...]


@dataclass(frozen=True)
class Frame:
    """What stood on the screen from a time on."""

    at: float
    rows: tuple[Row, ...]
    caption: str


def fed(stream: pyte.Stream, text: str) -> None:
    """Let the terminal take this output."""
    stream.feed(_UNKNOWN.sub("", text))


def frames(cast: Cast) -> Iterator[Frame]:
    """Yield the screens that the recording comes to, each as it stays for a moment."""
    screen = pyte.Screen(cast.width, cast.height)
    stream = pyte.Stream(screen)
    caption, before = "", None
    for place, event in enumerate(cast.events):
        if event.code == "m":
            caption = event.text
        elif event.code == "o":
            fed(stream, event.text)
        following = cast.events[place + 1].at if place + 1 < len(cast.events) else None
        if following is not None and following - event.at < TOGETHER:
            continue
        now = (tuple(_row(screen, y) for y in range(cast.height)), caption)
        if now != before and any(now[0]):
            yield Frame(event.at, *now)
            before = now


def _row(screen: pyte.Screen, y: int) -> Row:
    """Return a row in runs; blank cells of the screen's own colour are in none."""
    runs: list[Run] = []
    line = screen.buffer[y]
    for x in range(screen.columns):
        cell = line[x]
        text = cell.data
        colour, background, look = _look(cell)
        last = runs[-1] if runs else None
        if last and (last.colour, last.background, last.look) == (colour, background, look):
            runs[-1] = Run(last.column, last.text + text, colour, background, look)
        else:
            runs.append(Run(x, text, colour, background, look))
    return tuple(run for run in runs if run.text.strip() or run.background or "u" in run.look)


def _look(cell: Char) -> tuple[str, str, str]:
    colour, background = _colour(cell.fg), _colour(cell.bg)
    if cell.reverse:
        colour, background = background or DARK.background or "", colour or DARK.foreground or ""
    look = "".join(letter for letter, on in (("b", cell.bold), ("i", cell.italics), ("u", cell.underscore)) if on)
    return colour, background, look


def _colour(name: str) -> str:
    if name == "default":
        return ""
    return f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else _NAMED.get(name.removeprefix("bright"), "#808080")


def svg(cast: Cast) -> str:
    """Draw the recording."""
    all_frames = list(frames(cast))
    end = all_frames[-1].at + LAST
    start = all_frames[0].at
    width, height = cast.width * CELL + 2 * _EDGE, (cast.height + 2) * LINE + 2 * _EDGE
    rows: dict[Row, int] = {}
    drawn = []
    for number, frame in enumerate(all_frames):
        uses = "".join(
            f'<use href="#r{rows.setdefault(row, len(rows))}" y="{y * LINE}"/>'
            for y, row in enumerate(frame.rows)
            if row
        )
        caption = _text(0, cast.height * LINE + 1.4 * LINE, frame.caption, 'class="c"')
        drawn.append(f'<g transform="translate({number * width:g},0)">{uses}{caption}</g>')
    marks = "".join(
        f"{max(0.0, (frame.at - start) / (end - start) * 100):.3f}%{{transform:translateX({-number * width:g}px)}}"
        for number, frame in enumerate(all_frames)
    )
    still = f"translateX({-(len(all_frames) - 1) * width:g}px)"
    colours = {colour: f"f{n}" for n, colour in enumerate(sorted({run.colour for row in rows for run in row} - {""}))}
    style = (
        f"text{{font:{SIZE}px {_FONTS};white-space:pre;fill:{DARK.foreground}}}"
        ".b{font-weight:bold}.i{font-style:italic}.u{text-decoration:underline}"
        f".c{{fill:{DARK.accent};font-weight:bold}}"
        + "".join(f"text.{name}{{fill:{colour}}}" for colour, name in colours.items())
        + f"#strip{{transform:{still};animation:play {end - start:.2f}s step-end infinite}}@keyframes play{{{marks}}}"
        "@media (prefers-reduced-motion:reduce){#strip{animation:none}}"
    )
    definitions = "".join(f'<g id="r{number}">{_drawn(row, colours)}</g>' for row, number in rows.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" role="img"><title>{escape(cast.title)}</title><style>{style}</style>'
        f"<defs>{definitions}</defs>"
        f'<rect width="100%" height="100%" rx="8" fill="{DARK.background}"/>'
        f'<svg x="{_EDGE}" y="{_EDGE}" width="{width - 2 * _EDGE:g}" height="{height - 2 * _EDGE:g}">'
        f'<g id="strip">{"".join(drawn)}</g></svg></svg>\n'
    )


def _drawn(row: Row, colours: dict[str, str]) -> str:
    parts = [
        f'<rect x="{run.column * CELL:g}" width="{len(run.text) * CELL:g}" height="{LINE}" fill="{run.background}"/>'
        for run in row
        if run.background and run.background != DARK.background
    ]
    for run in row:
        text = run.text.rstrip() if "u" not in run.look else run.text
        bare = text.lstrip()
        if bare:
            classes = " ".join([*([colours[run.colour]] if run.colour else []), *run.look])
            column = run.column + len(text) - len(bare)
            parts.append(_text(column * CELL, SIZE, bare, f'class="{classes}"' if classes else ""))
    return "".join(parts)


def _text(x: float, y: float, text: str, attributes: str) -> str:
    length = f' textLength="{len(text) * CELL:g}"' if len(text) > 1 else ""
    return f'<text x="{x:g}" y="{y:g}"{length} {attributes}>{escape(text, quote=False)}</text>'
